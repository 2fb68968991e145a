//! A pool over the built extension, and what the kernel says about this process and those below it.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vgrout_grader::{
    Job, JobFields, Limits, MachineError, Mode, Outcome, Pool, PoolConfig, Verdict,
};
use vgrout_sandbox::{Layer, LayerSet};

/// The right answer to [`ADD_TESTS`].
pub const ADD: &str = "class Solution:\n    def add(self, a, b):\n        return a + b\n";
pub const ADD_TESTS: [&str; 3] = [
    "assert Solution().add(1, 2) == 3",
    "assert Solution().add(a=-5, b=5) == 0",
    "assert Solution().add(10, 20) == 30",
];
pub const LOOP: &str = "class Solution:\n    def add(self, a, b):\n        while True: pass\n";

pub const LIMITS: Limits = Limits {
    cpu_s: 2.0,
    memory_bytes: 256 << 20,
    wall_s: 20.0,
    output_bytes: 4 << 20,
    canonical_factor: None,
    recursion_limit: None,
    int_max_str_digits: None,
};

/// One test at a time: they count the descriptors and the children of the whole process.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Interpreter and newest extension; says why where there is none.
fn built() -> Option<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = root.join(".venv/bin/python");
    let python = if own.exists() {
        own
    } else {
        PathBuf::from("python3")
    };
    let modified = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).ok();
    let extension = [
        "python/vgrout/_native.abi3.so",
        "target/release/lib_native.so",
    ]
    .map(|name| root.join(name))
    .into_iter()
    .filter(|path| path.exists())
    .max_by_key(modified);
    let Some(extension) = extension else {
        eprintln!("skipped: no built extension; run `maturin develop --release`");
        return None;
    };
    Some((python, extension))
}

/// Settings for a pool; `None`, with a reason on standard error, where nothing is built.
pub fn config(workers: usize, limits: Limits) -> Option<PoolConfig> {
    let (python, extension) = built()?;
    Some(PoolConfig {
        workers,
        limits,
        min_level: Layer::Base,
        disabled: LayerSet::EMPTY,
        preload: Vec::new(),
        path: Vec::new(),
        python,
        extension,
    })
}

pub fn pool(workers: usize, limits: Limits) -> Option<Pool> {
    config(workers, limits).map(|config| Pool::start(config).expect("the pool starts"))
}

pub fn fields(code: &str) -> JobFields {
    JobFields {
        response: format!("```python\n{code}\n```").into_bytes(),
        tests: ADD_TESTS.map(str::to_owned).to_vec(),
        ..JobFields::default()
    }
}

pub fn job_of(mode: Mode, fields: JobFields) -> Arc<Job> {
    Arc::new(Job::new(mode, fields).expect("a good job"))
}

pub fn job(code: &str) -> Arc<Job> {
    job_of(Mode::GtOnly, fields(code))
}

pub fn with_setup(code: &str, setup: &str) -> Arc<Job> {
    let setup_code = setup.to_owned();
    job_of(
        Mode::GtOnly,
        JobFields {
            setup_code,
            ..fields(code)
        },
    )
}

pub type Graded = Result<Verdict, MachineError>;

pub fn grade(pool: &Pool, jobs: &[Arc<Job>]) -> Vec<Graded> {
    pool.grade(jobs, &mut |_| true)
}

pub fn one(pool: &Pool, job: &Arc<Job>) -> Verdict {
    let graded = grade(pool, std::slice::from_ref(job)).pop();
    graded.expect("one job").expect("a verdict")
}

/// Outcomes; a lost rollout panics with its error.
pub fn outcomes(graded: Vec<Graded>) -> Vec<Outcome> {
    let outcome = |one: Graded| one.expect("a verdict").outcome;
    graded.into_iter().map(outcome).collect()
}

pub fn wait_until(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !holds() {
        assert!(Instant::now() < deadline, "waited {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// State letter and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// It exists, be it only as an entry that nobody has reaped.
pub fn exists(pid: u32) -> bool {
    stat(pid).is_some()
}

/// It still runs.
pub fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

pub fn children(parent: u32) -> BTreeSet<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(state, of)| of == parent && state != 'Z'))
        .collect()
}

/// The brokers of this process.
pub fn brokers() -> BTreeSet<u32> {
    children(std::process::id())
}

pub fn zygotes() -> BTreeSet<u32> {
    brokers().into_iter().flat_map(children).collect()
}

/// Rollouts that run right now.
pub fn rollouts() -> BTreeSet<u32> {
    zygotes().into_iter().flat_map(children).collect()
}

/// SIGKILL from outside; the process may be gone already.
pub fn kill(pid: u32) {
    let script = format!("kill -9 {pid} 2>/dev/null || true");
    let status = Command::new("sh").args(["-c", &script]).status();
    assert!(status.expect("a shell").success());
}

/// What every open descriptor points to, sorted; the one that reads the list aside.
pub fn descriptors() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd").expect("/proc");
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let mut targets: Vec<String> = targets
        .map(|target| target.display().to_string())
        .filter(|target| !target.contains("/fd"))
        .collect();
    targets.sort();
    targets
}

/// A memory figure of this process, in KiB.
pub fn memory_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|line| line.starts_with(field));
    let digits = line.and_then(|line| line.split_whitespace().nth(1));
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number")
}

/// The longest delay with which this machine wakes a sleeper, sampled while `body` runs.
pub fn with_wake_delay<T>(body: impl FnOnce() -> T) -> (T, Duration) {
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&done);
    let sampler = std::thread::spawn(move || {
        let nap = Duration::from_millis(1);
        let mut worst = Duration::ZERO;
        while !seen.load(std::sync::atomic::Ordering::Relaxed) {
            let start = Instant::now();
            std::thread::sleep(nap);
            worst = worst.max(start.elapsed().saturating_sub(nap));
        }
        worst
    });
    let result = body();
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    (result, sampler.join().expect("the sampler"))
}
