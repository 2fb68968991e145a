//! The pool on a real kernel: a verdict per outcome, limits held from outside, nothing left behind.

mod pool_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use pool_support::{
    ADD, LIMITS, LOOP, alone, brokers, config, descriptors, exists, grade, job, job_of, memory_kib,
    one, outcomes, pool, rollouts, wait_until, with_wake_delay, zygotes,
};
use vgrout_grader::{JobFields, Limits, MachineError, Mode, Outcome, Pool};
use vgrout_sandbox::{Layer, LayerSet, LayerStatus, SandboxError};

fn method(body: &str) -> String {
    format!("class Solution:\n    def add(self, a, b):\n        {body}\n")
}

const PTRACE: &str = "import ctypes; ctypes.CDLL(None).syscall(101, 0, 0, 0, 0)";

/// What the method does, what comes of it, and a part of the detail.
const CASES: [(&str, Outcome, &str); 10] = [
    ("return a + b", Outcome::Accepted, ""),
    ("return a - b", Outcome::WrongAnswer, ""),
    ("return object()", Outcome::BadReturnType, "object"),
    (
        "return a / 0",
        Outcome::RuntimeError,
        "ZeroDivisionError: division by zero",
    ),
    ("import time; time.sleep(60)", Outcome::TleWall, ""),
    ("return [0] * 10**9", Outcome::Mle, ""),
    (
        "\n        while True: print('x' * 1000)",
        Outcome::OutputLimit,
        "",
    ),
    (PTRACE, Outcome::SandboxViolation, "ptrace"),
    (
        "import ctypes; ctypes.string_at(0)",
        Outcome::Killed,
        "SIGSEGV",
    ),
    ("import os; os._exit(0)", Outcome::ProtocolError, "status 0"),
];

#[test]
fn every_outcome_has_its_verdict() {
    let _turn = alone();
    let limits = Limits {
        cpu_s: 0.5,
        wall_s: 1.5,
        memory_bytes: 128 << 20,
        ..LIMITS
    };
    let config = config(2, limits);
    let preload = vec!["ctypes".to_owned()];
    let pool = Pool::start(vgrout_grader::PoolConfig { preload, ..config }).expect("a pool");
    let whole = [
        (LOOP.to_owned(), Outcome::TleCpu, ""),
        ("def f(:".to_owned(), Outcome::CompileError, "SyntaxError"),
    ];
    let cases = CASES.map(|(body, outcome, detail)| (method(body), outcome, detail));
    for (code, outcome, detail) in cases.into_iter().chain(whole) {
        // 101 is ptrace on x86-64 only.
        if code.contains(PTRACE) && cfg!(not(target_arch = "x86_64")) {
            continue;
        }
        let verdict = one(&pool, &job(&code));
        let found = verdict.detail.as_deref().unwrap_or_default();
        assert_eq!(verdict.outcome, outcome, "{code}: {found}");
        assert!(found.contains(detail), "{code}: {found}");
        assert_eq!(verdict.gt_correct, outcome == Outcome::Accepted, "{code}");
    }
    let response = b"no block at all".to_vec();
    let talk = JobFields {
        response,
        ..pool_support::fields("")
    };
    let verdict = one(&pool, &job_of(Mode::GtOnly, talk));
    assert_eq!(verdict.outcome, Outcome::NoCode);
}

#[test]
fn verdicts_come_in_job_order() {
    let _turn = alone();
    let pool = pool(3, LIMITS);
    let slow = method("sum(range(2_000_000))\n        return a + b");
    let codes = [slow.as_str(), ADD, "x = (", &method("return None")];
    let jobs: Vec<_> = (0..40).map(|index| job(codes[index % 4])).collect();
    let expected = [
        Outcome::Accepted,
        Outcome::Accepted,
        Outcome::CompileError,
        Outcome::WrongAnswer,
    ];
    for (index, outcome) in outcomes(grade(&pool, &jobs)).into_iter().enumerate() {
        assert_eq!(outcome, expected[index % 4], "job {index}");
    }
    assert!(grade(&pool, &[]).is_empty());
}

#[test]
fn a_flood_of_300_megabytes_costs_the_host_little() {
    let _turn = alone();
    let limits = Limits {
        output_bytes: 400 << 20,
        cpu_s: 20.0,
        wall_s: 60.0,
        ..LIMITS
    };
    let pool = pool(1, limits);
    let flood = method(
        "import os\n        for _ in range(100): os.write(1, b'x' * (1 << 20))\n        return a + b",
    );
    // Three calls make 300 MB.
    let marked = method("print('ALL TESTS PASSED'); return a + b");
    one(&pool, &job(ADD));
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak is reset");
    let before = memory_kib("VmRSS:");
    let verdict = one(&pool, &job(&flood));
    let cost = memory_kib("VmHWM:").saturating_sub(before);
    assert_eq!(verdict.outcome, Outcome::Accepted, "{:?}", verdict.detail);
    assert_eq!(
        (verdict.stdout.len(), verdict.stdout_truncated),
        (64 << 10, true)
    );
    assert!(cost <= 8 << 10, "{cost} KiB");
    assert!(!one(&pool, &job(&marked)).stdout_truncated);
}

#[test]
fn a_flood_over_the_limit_is_stopped() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    let flood = method("\n        import os\n        while True: os.write(1, b'x' * (1 << 20))");
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak is reset");
    let before = memory_kib("VmRSS:");
    assert_eq!(one(&pool, &job(&flood)).outcome, Outcome::OutputLimit);
    assert!(memory_kib("VmHWM:").saturating_sub(before) <= 8 << 10);
}

/// The least of five overshoots is judged, less what the machine itself was late: others use it too.
fn least_overshoot(limits: Limits, code: &str, outcome: Outcome, limit: Duration) -> Duration {
    let pool = pool(1, limits);
    let code = job(code);
    one(&pool, &job(ADD));
    let overshoots = (0..5).map(|_| {
        let (verdict, delay) = with_wake_delay(|| one(&pool, &code));
        assert_eq!(verdict.outcome, outcome);
        assert!(verdict.wall >= limit, "{:?}", verdict.wall);
        verdict.wall.saturating_sub(limit + delay)
    });
    overshoots.min().unwrap_or_default()
}

#[test]
fn the_wall_limit_is_overshot_by_at_most_50_ms() {
    let _turn = alone();
    let limits = Limits {
        wall_s: 0.2,
        ..LIMITS
    };
    let sleeper = method("import time; time.sleep(60)");
    let least = least_overshoot(
        limits,
        &sleeper,
        Outcome::TleWall,
        Duration::from_millis(200),
    );
    assert!(least <= Duration::from_millis(50), "{least:?}");
}

#[test]
fn a_child_that_ignores_signals_still_ends_at_its_cpu_limit() {
    let _turn = alone();
    let limits = Limits {
        cpu_s: 0.2,
        ..LIMITS
    };
    let stubborn = method(
        "import signal\n        for n in range(1, 65):\n            try: signal.signal(n, signal.SIG_IGN)\n            \
         except Exception: pass\n        while True:\n            try:\n                while True: pass\n            except BaseException: pass",
    );
    let pool = pool(1, limits);
    let verdict = one(&pool, &job(&stubborn));
    assert_eq!(verdict.outcome, Outcome::TleCpu);
    assert!(
        verdict.cpu >= Duration::from_millis(200) && verdict.cpu < Duration::from_millis(900),
        "{:?}",
        verdict.cpu
    );
}

#[test]
fn a_child_killed_before_its_fence_was_on_is_a_timeout_and_no_error() {
    let _turn = alone();
    let limits = Limits {
        wall_s: 1e-6,
        ..LIMITS
    };
    let pool = pool(1, limits);
    let jobs: Vec<_> = (0..30).map(|_| job(LOOP)).collect();
    for outcome in outcomes(grade(&pool, &jobs)) {
        assert_eq!(outcome, Outcome::TleWall);
    }
}

#[test]
fn cancelling_ends_every_child_within_100_ms() {
    let _turn = alone();
    let limits = Limits {
        cpu_s: 60.0,
        wall_s: 60.0,
        ..LIMITS
    };
    let pool = pool(2, limits);
    let jobs: Vec<_> = (0..40).map(|_| job(LOOP)).collect();
    let takes = (0..3).map(|_| {
        let mut asked = None;
        let (graded, delay) = with_wake_delay(|| {
            pool.grade(&jobs, &mut |_| {
                if asked.is_none() && rollouts().len() == 2 {
                    asked = Some(Instant::now());
                }
                asked.is_none()
            })
        });
        let took = asked.expect("both children ran").elapsed();
        assert!(rollouts().is_empty());
        assert!(
            graded
                .iter()
                .all(|one| matches!(one, Err(MachineError::Cancelled)))
        );
        took.saturating_sub(delay)
    });
    let least = takes.min().unwrap_or_default();
    assert!(least <= Duration::from_millis(100), "{least:?}");
    let alive = grade(&pool, &[job(ADD), job(ADD)]);
    assert_eq!(outcomes(alive), [Outcome::Accepted; 2]);
}

#[test]
fn a_pool_that_is_gone_leaves_no_process_and_no_descriptor() {
    let _turn = alone();
    let before = descriptors();
    for disabled in [
        LayerSet::EMPTY,
        [Layer::Landlock, Layer::Namespaces].into_iter().collect(),
    ] {
        let settings = config(3, LIMITS);
        let pool = Pool::start(vgrout_grader::PoolConfig {
            disabled,
            ..settings
        });
        let pool = pool.expect("a pool");
        let jobs: Vec<_> = (0..12).map(|_| job(ADD)).collect();
        assert_eq!(outcomes(grade(&pool, &jobs)), [Outcome::Accepted; 12]);
        let below: Vec<u32> = brokers().into_iter().chain(zygotes()).collect();
        assert!(below.len() >= 2, "{below:?}");
        assert!(descriptors().iter().any(|name| name.contains("memfd")));
        drop(pool);
        assert_eq!(descriptors(), before);
        wait_until("every process is reaped", 5, || {
            !below.iter().any(|pid| exists(*pid))
        });
    }
}

#[test]
fn many_callers_share_one_pool() {
    let _turn = alone();
    let pool = pool(2, LIMITS);
    let pool = Arc::new(pool);
    let callers = (0..16).map(|caller| {
        let pool = Arc::clone(&pool);
        std::thread::spawn(move || {
            for round in 0..4 {
                let (code, outcome) = if (caller + round) % 2 == 0 {
                    (ADD.to_owned(), Outcome::Accepted)
                } else {
                    (method("return -1"), Outcome::WrongAnswer)
                };
                assert_eq!(one(&pool, &job(&code)).outcome, outcome);
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for caller in callers {
        caller.join().expect("a caller");
    }
}

#[test]
fn a_level_above_what_the_kernel_enforces_is_refused_by_name() {
    let _turn = alone();
    let settings = config(1, LIMITS);
    let disabled = [Layer::Landlock].into_iter().collect();
    let wanted = vgrout_grader::PoolConfig {
        min_level: Layer::Namespaces,
        disabled,
        ..settings.clone()
    };
    let refused = Pool::start(wanted).expect_err("landlock is off");
    assert!(
        matches!(refused, SandboxError::LevelTooLow { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("landlock"), "{refused}");
    let disabled = [Layer::Landlock].into_iter().collect();
    let pool = Pool::start(vgrout_grader::PoolConfig {
        disabled,
        ..settings
    })
    .expect("a pool");
    assert_eq!(pool.fence().level(), Some(Layer::Base));
    let layers = &pool.fence().layers;
    let landlock = layers.iter().find(|layer| layer.layer == Layer::Landlock);
    assert!(matches!(
        landlock.map(|layer| &layer.status),
        Some(LayerStatus::Disabled)
    ));
    drop(pool);
    assert!(brokers().is_empty());
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let settings = config(1, LIMITS);
    let python = "/nowhere/python".into();
    let refused = Pool::start(vgrout_grader::PoolConfig { python, ..settings });
    let message = refused.expect_err("no such program").to_string();
    assert!(message.contains("/nowhere/python"), "{message}");
}

#[test]
fn a_module_that_cannot_be_preloaded_is_named() {
    let _turn = alone();
    let settings = config(1, LIMITS);
    let preload = vec!["no_such_module".to_owned()];
    let refused = Pool::start(vgrout_grader::PoolConfig {
        preload,
        ..settings
    });
    let message = refused.expect_err("no such module").to_string();
    assert!(message.contains("no_such_module"), "{message}");
    assert!(brokers().is_empty());
}
