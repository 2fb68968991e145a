//! Setup code is data too: it may be wrong, hostile or merely various, and must not decide another's verdict.

mod pool_support;

use std::time::{Duration, Instant};

use pool_support::{
    ADD, LIMITS, alone, brokers, grade, job, one, outcomes, pool, rollouts, with_setup, zygotes,
};
use vgrout_grader::{Limits, MachineError, Outcome, Pool};

const USES_SETUP: &str =
    "class Solution:\n    def add(self, a, b):\n        return a + b + SHIFT - OWN\n";

fn setup(number: usize) -> String {
    format!("SHIFT = {number}\nOWN = {number}\n")
}

fn refused(pool: &Pool, setup: &str) -> String {
    let graded = grade(pool, &[with_setup(ADD, setup)]);
    match graded.into_iter().next() {
        Some(Err(MachineError::Setup { what })) => what,
        other => panic!("{setup}: {other:?}"),
    }
}

#[test]
fn many_setups_each_meet_their_own_answers() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    for round in 0..2 {
        for number in 0..20 {
            let code = USES_SETUP.replace("SHIFT - OWN", &format!("SHIFT - {number}"));
            let verdict = one(&pool, &with_setup(&code, &setup(number)));
            assert_eq!(
                verdict.outcome,
                Outcome::Accepted,
                "round {round}, setup {number}"
            );
        }
    }
    assert_eq!((brokers().len(), zygotes().len()), (1, 1));
}

#[test]
fn a_zygote_runs_one_setup_and_no_other() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    one(&pool, &with_setup(USES_SETUP, &setup(0)));
    let first = zygotes();
    one(&pool, &with_setup(USES_SETUP, &setup(0)));
    assert_eq!(zygotes(), first);
    one(&pool, &with_setup(USES_SETUP, &setup(1)));
    assert_ne!(zygotes(), first);
}

#[test]
fn a_worker_takes_near_tasks_with_its_setup_first_and_every_task_in_the_end() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    let jobs: Vec<_> = (0..200)
        .map(|number| with_setup(USES_SETUP, &setup(number % 2)))
        .collect();
    let graded = grade(&pool, &jobs);
    let accepted = graded
        .iter()
        .flatten()
        .filter(|verdict| verdict.gt_correct)
        .count();
    assert_eq!(accepted, jobs.len());
}

#[test]
fn a_setup_that_raises_is_named_and_spoils_no_other() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    for number in 0..8 {
        one(&pool, &with_setup(USES_SETUP, &setup(number)));
    }
    assert_eq!(
        refused(&pool, "x = 1 / 0"),
        "ZeroDivisionError: division by zero (line 1: x = 1 / 0)"
    );
    assert!(refused(&pool, "def f(:").starts_with("SyntaxError"));
    assert!(refused(&pool, "raise SystemExit(3)").starts_with("SystemExit"));
    assert!(refused(&pool, "x = '\0'").contains("null byte"));
    for number in 0..8 {
        let verdict = one(&pool, &with_setup(USES_SETUP, &setup(number)));
        assert_eq!(verdict.outcome, Outcome::Accepted, "setup {number}");
    }
}

#[test]
fn a_setup_that_raised_is_not_run_again() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    let slow = "import time\ntime.sleep(1)\nx = 1 / 0";
    let timed = || {
        let start = Instant::now();
        assert!(refused(&pool, slow).starts_with("ZeroDivisionError"));
        start.elapsed()
    };
    assert!(timed() >= Duration::from_secs(1));
    let again = timed();
    assert!(again < Duration::from_secs(1), "{again:?}");
}

#[test]
fn a_setup_that_never_ends_is_an_error_in_bounded_time() {
    let _turn = alone();
    let limits = Limits {
        wall_s: 0.5,
        ..LIMITS
    };
    let pool = pool(1, limits);
    let start = Instant::now();
    let jobs: Vec<_> = (0..5)
        .map(|_| with_setup(ADD, "while True: print('x' * 1000)"))
        .collect();
    for graded in grade(&pool, &jobs) {
        let Err(MachineError::Setup { what }) = graded else {
            panic!("{graded:?}")
        };
        assert!(what.contains("did not end within"), "{what}");
    }
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(one(&pool, &job(ADD)).outcome, Outcome::Accepted);
}

#[test]
fn cancelling_does_not_wait_for_a_setup() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    let mut asked = None;
    let mut waited = 0;
    let graded = pool.grade(&[with_setup(ADD, "while True: pass")], &mut |_| {
        waited += 1;
        if waited == 20 {
            asked = Some(Instant::now());
        }
        asked.is_none()
    });
    let took = asked.expect("asked").elapsed();
    assert!(
        matches!(graded[..], [Err(MachineError::Cancelled)]),
        "{graded:?}"
    );
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[test]
fn what_a_setup_prints_is_nobodys_output() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    let loud = "print('ALL TESTS PASSED')\nprint('x' * (1 << 20))\nprint('tail')\n";
    let verdict = one(&pool, &with_setup(ADD, loud));
    assert_eq!(
        (verdict.outcome, verdict.stdout.as_slice()),
        (Outcome::Accepted, &b""[..])
    );
    let verdict = one(&pool, &with_setup(ADD, "print('tail')"));
    assert_eq!(verdict.stdout, b"");
}

#[test]
fn a_setup_has_no_network_no_files_and_no_further_processes() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    for attempt in [
        "import socket; socket.socket()",
        "import posix; posix.open('/etc/passwd', 0)",
        "import os; os.fork()",
        "import threading; threading.Thread(target=print).start()",
        "import subprocess; subprocess.run(['true'])",
    ] {
        let what = refused(&pool, attempt);
        let clear = ["PermissionError", "RuntimeError: can't start new thread"];
        assert!(
            clear.iter().any(|name| what.starts_with(name)),
            "{attempt}: {what}"
        );
    }
    // `open` itself knows files in memory alone.
    assert!(refused(&pool, "open('/etc/passwd')").starts_with("FileNotFoundError"));
    assert!(rollouts().is_empty());
    assert_eq!(
        outcomes(grade(&pool, &[job(ADD), job(ADD)])),
        [Outcome::Accepted; 2]
    );
}

#[test]
fn a_setup_cannot_take_the_memory_of_the_machine() {
    let _turn = alone();
    let pool = pool(1, LIMITS);
    assert_eq!(
        refused(&pool, "x = bytearray(1 << 33)"),
        "MemoryError (line 1: x = bytearray(1 << 33))"
    );
    let half = "x = bytearray(100 << 20)";
    assert_eq!(
        one(&pool, &with_setup(ADD, half)).outcome,
        Outcome::Accepted
    );
}
