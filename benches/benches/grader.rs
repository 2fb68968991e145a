//! Rollouts graded per second: light, heavy and hostile answers; by worker count; by fence level.
//!
//! Needs the built extension (`cargo build --release`), which the sandboxed interpreter loads.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use vgrout_grader::{Job, JobFields, Limits, Mode, Pool, PoolConfig};
use vgrout_sandbox::{Layer, LayerSet};

const LIMITS: Limits = Limits {
    cpu_s: 1.0,
    memory_bytes: 256 << 20,
    wall_s: 5.0,
    output_bytes: 16 << 20,
    canonical_factor: None,
    recursion_limit: None,
    int_max_str_digits: None,
};
/// Answers of one batch.
const BATCH: usize = 64;

const LIGHT: &str = "return 2 * n";
/// About 50 ms of Python over the twenty tests.
const HEAVY: &str = "return 2 * n + 0 * sum(i * i for i in range(35_000))";
/// What a policy that cheats, or worse, writes in the method's place.
const HOSTILE: [(&str, &str); 8] = [
    (
        "equal to everything",
        "return type('E', (), {'__eq__': lambda s, o: True})()",
    ),
    ("exit", "import os; os._exit(0)"),
    ("fork", "import os; os.fork()"),
    ("open a file", "return open('/etc/passwd').read()"),
    ("flood to the limit", "print('x' * (1 << 20)); return 2 * n"),
    ("memory bomb", "return [0] * 10**9"),
    ("deep recursion", "return self.twice(n)"),
    (
        "nested value",
        "v = []\n        for _ in range(10**5): v = [v]\n        return v",
    ),
];

fn answer(body: &str) -> Vec<u8> {
    format!("```python\nclass Solution:\n    def twice(self, n):\n        {body}\n```").into_bytes()
}

fn job(mode: Mode, response: Vec<u8>) -> Arc<Job> {
    let tests = (1..=20)
        .map(|n| format!("assert Solution().twice(n = {n}) == {}", 2 * n))
        .collect();
    Arc::new(
        Job::new(
            mode,
            JobFields {
                response,
                tests,
                ..JobFields::default()
            },
        )
        .expect("a well-formed job"),
    )
}

fn built() -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = root.join(".venv/bin/python");
    let python = if own.exists() {
        own
    } else {
        PathBuf::from("python3")
    };
    let extension = root.join("target/release/lib_native.so");
    assert!(
        extension.exists(),
        "{}: missing; run `cargo build --release` first",
        extension.display()
    );
    (python, extension)
}

fn pool(workers: usize, disabled: LayerSet) -> Pool {
    let (python, extension) = built();
    let config = PoolConfig {
        workers,
        limits: LIMITS,
        min_level: Layer::Base,
        disabled,
        preload: Vec::new(),
        path: Vec::new(),
        python,
        extension,
    };
    Pool::start(config).expect("the pool starts: `vgrout doctor` says what is missing")
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, pool: &Pool, jobs: &[Arc<Job>]) {
    group.throughput(Throughput::Elements(jobs.len() as u64));
    group.bench_function(name, |bench| {
        bench.iter(|| {
            let graded = pool.grade(black_box(jobs), &mut |_| true);
            assert!(graded.iter().all(Result::is_ok), "the machinery failed");
            graded
        });
    });
}

fn settings<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(format!("grader/{name}"));
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4));
    group
}

fn by_answer(criterion: &mut Criterion) {
    let pool = pool(1, LayerSet::EMPTY);
    let mut group = settings(criterion, "answer");
    measure(
        &mut group,
        "light",
        &pool,
        &vec![job(Mode::GtOnly, answer(LIGHT)); BATCH],
    );
    let hacked = b"```python\nclass Solution:\n    def twice(self, n):\n        return 0\n\ndef run_tests():\n    pass\n```";
    measure(
        &mut group,
        "hacked",
        &pool,
        &vec![job(Mode::RunTests, hacked.to_vec()); BATCH],
    );
    measure(
        &mut group,
        "heavy",
        &pool,
        &vec![job(Mode::GtOnly, answer(HEAVY)); 4],
    );
    measure(
        &mut group,
        "no code",
        &pool,
        &vec![job(Mode::GtOnly, b"I cannot.".to_vec()); BATCH],
    );
    group.finish();
}

/// The same asserts in the host, and as one check of ten in a judge.
fn by_form(criterion: &mut Criterion) {
    let pool = pool(1, LayerSet::EMPTY);
    let mut group = settings(criterion, "form");
    let direct: Vec<_> = (1..=10)
        .map(|n| format!("assert Solution().twice({n}) == {}", 2 * n))
        .collect();
    let check = format!(
        "def check(candidate):\n    {}\ncheck(Solution().twice)",
        direct
            .join("\n    ")
            .replace("Solution().twice", "candidate")
    );
    for (name, tests) in [("direct", direct), ("judged", vec![check])] {
        let fields = JobFields {
            response: answer(LIGHT),
            tests,
            ..JobFields::default()
        };
        let job = Arc::new(Job::new(Mode::GtOnly, fields).expect("a well-formed job"));
        measure(&mut group, name, &pool, &vec![job; BATCH]);
    }
    group.finish();
}

fn by_attack(criterion: &mut Criterion) {
    let pool = pool(1, LayerSet::EMPTY);
    let mut group = settings(criterion, "hostile");
    for (name, body) in HOSTILE {
        measure(
            &mut group,
            name,
            &pool,
            &vec![job(Mode::GtOnly, answer(body)); 8],
        );
    }
    group.finish();
}

fn by_workers(criterion: &mut Criterion) {
    let mut group = settings(criterion, "workers");
    let jobs = vec![job(Mode::GtOnly, answer(LIGHT)); 2 * BATCH];
    for workers in [1, 2, 4, 8] {
        let pool = pool(workers, LayerSet::EMPTY);
        measure(&mut group, &workers.to_string(), &pool, &jobs);
    }
    group.finish();
}

fn by_level(criterion: &mut Criterion) {
    let mut group = settings(criterion, "fence");
    let jobs = vec![job(Mode::GtOnly, answer(LIGHT)); BATCH];
    for level in Layer::ALL {
        let above = Layer::ALL.into_iter().filter(|&layer| layer > level);
        let pool = pool(1, above.collect());
        if pool.fence().require(level).is_err() {
            eprintln!("grader/fence/{level}: skipped, this machine does not enforce it");
            continue;
        }
        measure(&mut group, level.name(), &pool, &jobs);
    }
    group.finish();
}

criterion_group!(benches, by_answer, by_form, by_attack, by_workers, by_level);
criterion_main!(benches);
