//! A busy machine, and one that gives a process no CPU at all: limits are about the rollout all the same.

#![cfg(target_os = "linux")]

mod rollouts;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rollouts::{LIMITS, MEMORY, NEVER, payload, run, set_up, start, zygotes};
use vgrout_sandbox::SandboxError;
use vgrout_sandbox::supervise::{Broker, RunLimits, Stop};

const WALL: Duration = Duration::from_millis(300);
const SHORT: RunLimits = RunLimits {
    wall: WALL,
    ..LIMITS
};
/// Uses 150 ms of CPU time.
const WORK: &str = "while time.process_time() < 0.15: pass";

fn signal(pid: i32, number: i32) {
    // SAFETY: a process of this test.
    assert_eq!(unsafe { libc::kill(pid, number) }, 0);
}

/// Processes that fight over one CPU with whatever the calling thread starts.
struct Crowd(Vec<Child>);

impl Crowd {
    fn on_one_processor(count: usize) -> Self {
        // SAFETY: an all-zero set is valid and empty; only this thread and what it starts are bound.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
            let first = (0..1024)
                .find(|cpu| libc::CPU_ISSET(*cpu, &set))
                .expect("a CPU");
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(first, &mut one);
            assert_eq!(
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const one),
                0
            );
        }
        let burner = || {
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]);
            // A session of its own: the scheduler may share CPU time among sessions first.
            // SAFETY: setsid is async-signal-safe.
            unsafe {
                command.pre_exec(|| match libc::setsid() {
                    -1 => Err(std::io::Error::last_os_error()),
                    _ => Ok(()),
                });
            }
            command.spawn().expect("a shell")
        };
        Self((0..count).map(|_| burner()).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for burner in &mut self.0 {
            drop(burner.kill());
            drop(burner.wait());
        }
    }
}

fn counts_waits(broker: &Broker) -> bool {
    let waits = &broker.report().waits;
    if !waits.is_counted() {
        eprintln!("skipped: waits are {waits}");
    }
    waits.is_counted()
}

#[test]
fn a_sleeper_is_stopped_at_its_limit_whoever_else_computes() {
    let mut found = Vec::new();
    for burners in [0, 8] {
        let _crowd = Crowd::on_one_processor(burners);
        let broker = start();
        if !counts_waits(&broker) {
            return;
        }
        let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
        let (report, _) = run(&mut link, "time.sleep(60)", &SHORT).expect("a report");
        assert_eq!(report.stop, Some(Stop::Wall));
        assert!(report.wall >= WALL, "{:?}", report.wall);
        found.push(report.wall);
    }
    // Supervisor and zygote have to be given a CPU too.
    assert!(found[1] < WALL + Duration::from_secs(2), "{found:?}");
}

#[test]
fn a_starved_rollout_is_not_taken_for_a_sleeper() {
    let _crowd = Crowd::on_one_processor(12);
    let broker = start();
    if !counts_waits(&broker) {
        return;
    }
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let (report, _) = run(&mut link, WORK, &SHORT).expect("a report");
    assert_eq!((report.stop, report.wait_status), (None, 0), "{report:?}");
    assert!(
        report.wall > 2 * WALL,
        "it was not starved: {:?}",
        report.wall
    );
}

#[test]
fn starved_setup_code_is_not_taken_for_endless() {
    let _crowd = Crowd::on_one_processor(12);
    let broker = start();
    if !counts_waits(&broker) {
        return;
    }
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let work = "end = time.process_time() + 0.5\nwhile time.process_time() < end: pass";
    assert_eq!(set_up(&mut link, work).expect("answered"), Ok(()));
}

#[test]
fn a_rollout_that_works_all_along_is_stopped_by_a_wall_limit_below_its_cpu_limit() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let (report, _) = run(&mut link, "while True: pass", &SHORT).expect("a report");
    assert_eq!(report.stop, Some(Stop::Wall));
}

/// Stops the zygote of `broker` after a moment, as a machine does that gives it no CPU.
fn freeze(broker: &Broker) -> i32 {
    let [zygote] = zygotes(broker)[..] else {
        panic!("one zygote");
    };
    thread::sleep(Duration::from_millis(100));
    signal(zygote, libc::SIGSTOP);
    zygote
}

#[test]
fn a_killed_rollout_is_waited_for_however_long_it_takes() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let frozen = Duration::from_secs(11);
    thread::scope(|scope| {
        scope.spawn(|| {
            let zygote = freeze(&broker);
            thread::sleep(frozen);
            signal(zygote, libc::SIGCONT);
        });
        let (report, _) = run(&mut link, "while True: pass", &SHORT).expect("a report");
        assert_eq!(report.wait_status & 0x7f, libc::SIGKILL);
        assert!(report.wall >= frozen, "{:?}", report.wall);
    });
    assert!(
        run(&mut link, "pass", &LIMITS).is_ok(),
        "the zygote goes on"
    );
}

#[test]
fn whoever_cancels_is_not_kept_by_a_rollout_that_will_not_die() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let cancelled = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            freeze(&broker);
            cancelled.store(true, Ordering::Relaxed);
        });
        let looping = payload("while True: pass");
        let started = Instant::now();
        let given_up = link.run(&[&looping], &LIMITS, None, &cancelled, &mut |_| {});
        assert!(
            matches!(given_up, Err(SandboxError::Cancelled)),
            "{given_up:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(5));
    });
    broker.kill(&link);
    assert!(broker.zygote(MEMORY, &NEVER).is_ok(), "the broker goes on");
}
