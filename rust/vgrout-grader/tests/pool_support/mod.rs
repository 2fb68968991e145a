//! A pool over the built extension, and what the kernel says about this process and those below it.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vgrout_grader::{
    Job, JobFields, Limits, MachineError, Mode, Outcome, Pool, PoolConfig, Verdict,
};
use vgrout_sandbox::{Layer, LayerSet};

/// The right answer to [`ADD_TESTS`].
pub(crate) const ADD: &str = "class Solution:\n    def add(self, a, b):\n        return a + b\n";
pub(crate) const ADD_TESTS: [&str; 3] = [
    "assert Solution().add(1, 2) == 3",
    "assert Solution().add(a=-5, b=5) == 0",
    "assert Solution().add(10, 20) == 30",
];
pub(crate) const LOOP: &str =
    "class Solution:\n    def add(self, a, b):\n        while True: pass\n";

pub(crate) const LIMITS: Limits = Limits {
    cpu_s: 2.0,
    memory_bytes: 256 << 20,
    wall_s: 20.0,
    output_bytes: 4 << 20,
    canonical_factor: None,
    recursion_limit: None,
    int_max_str_digits: None,
};

/// One test at a time: they count the descriptors and the children of the whole process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Settings for a pool over the extension that stands beside the tests' own folder in the target directory.
pub(crate) fn config(workers: usize, limits: Limits) -> PoolConfig {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    let test = std::env::current_exe().expect("a path");
    let extension = test.with_file_name("../lib_native.so");
    assert!(
        extension.exists(),
        "no extension: `cargo build -p vgrout-py` of the same profile makes it"
    );
    PoolConfig {
        workers,
        limits,
        min_level: Layer::Base,
        disabled: LayerSet::EMPTY,
        preload: Vec::new(),
        path: Vec::new(),
        python: if own.exists() { own } else { "python3".into() },
        extension,
    }
}

pub(crate) fn pool(workers: usize, limits: Limits) -> Pool {
    Pool::start(config(workers, limits)).expect("the pool starts")
}

pub(crate) fn fields(code: &str) -> JobFields {
    JobFields {
        response: format!("```python\n{code}\n```").into_bytes(),
        tests: ADD_TESTS.map(str::to_owned).to_vec(),
        ..JobFields::default()
    }
}

pub(crate) fn job_of(mode: Mode, fields: JobFields) -> Arc<Job> {
    Arc::new(Job::new(mode, fields).expect("a good job"))
}

pub(crate) fn job(code: &str) -> Arc<Job> {
    job_of(Mode::GtOnly, fields(code))
}

pub(crate) fn with_setup(code: &str, setup: &str) -> Arc<Job> {
    let setup_code = setup.to_owned();
    job_of(
        Mode::GtOnly,
        JobFields {
            setup_code,
            ..fields(code)
        },
    )
}

pub(crate) type Graded = Result<Verdict, MachineError>;

pub(crate) fn grade(pool: &Pool, jobs: &[Arc<Job>]) -> Vec<Graded> {
    pool.grade(jobs, &mut |_| true)
}

pub(crate) fn one(pool: &Pool, job: &Arc<Job>) -> Verdict {
    let graded = grade(pool, std::slice::from_ref(job)).pop();
    graded.expect("one job").expect("a verdict")
}

/// Outcomes; a lost rollout panics with its error.
pub(crate) fn outcomes(graded: Vec<Graded>) -> Vec<Outcome> {
    let outcome = |one: Graded| one.expect("a verdict").outcome;
    graded.into_iter().map(outcome).collect()
}

pub(crate) fn wait_until(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
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
pub(crate) fn exists(pid: u32) -> bool {
    stat(pid).is_some()
}

/// It still runs.
pub(crate) fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

pub(crate) fn children(parent: u32) -> BTreeSet<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(state, of)| of == parent && state != 'Z'))
        .collect()
}

/// The brokers of this process.
pub(crate) fn brokers() -> BTreeSet<u32> {
    children(std::process::id())
}

pub(crate) fn zygotes() -> BTreeSet<u32> {
    brokers().into_iter().flat_map(children).collect()
}

/// Rollouts that run right now.
pub(crate) fn rollouts() -> BTreeSet<u32> {
    zygotes().into_iter().flat_map(children).collect()
}

/// SIGKILL from outside; the process may be gone already.
pub(crate) fn kill(pid: u32) {
    let script = format!("kill -9 {pid} 2>/dev/null || true");
    let status = Command::new("sh").args(["-c", &script]).status();
    assert!(status.expect("a shell").success());
}

/// What every open descriptor points to, sorted; the one that reads the list aside.
pub(crate) fn descriptors() -> Vec<String> {
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
pub(crate) fn memory_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|line| line.starts_with(field));
    let digits = line.and_then(|line| line.split_whitespace().nth(1));
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number")
}

/// The longest delay with which this machine wakes a sleeper, sampled while `body` runs.
pub(crate) fn with_wake_delay<T>(body: impl FnOnce() -> T) -> (T, Duration) {
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
