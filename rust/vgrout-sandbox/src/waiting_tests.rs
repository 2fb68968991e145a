//! The judgement itself, on readings made up for it.

use std::time::{Duration, Instant};

use super::{
    LEAST_PATIENCE, MOST_STRETCH, Reading, UNCOUNTED_STRETCH, WallClock, Whose, number_in_proc,
};

const LIMIT: Duration = Duration::from_secs(1);

fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

fn reading(is_runnable: bool, ran: f64, waited: f64) -> Reading {
    Reading {
        is_runnable,
        age: Duration::MAX,
        ran: seconds(ran),
        waited: seconds(waited),
        turns: 1,
    }
}

fn clock() -> (WallClock, Instant) {
    let start = Instant::now();
    (WallClock::new(Whose::ChildOf(0), start, LIMIT), start)
}

#[test]
fn a_sleeper_is_over_at_its_limit_and_what_it_waited_later() {
    let (mut clock, start) = clock();
    assert!(clock.judge(start + LIMIT, &reading(false, 0.1, 0.0)));
    assert!(!clock.judge(start + LIMIT, &reading(false, 0.1, 0.4)));
    assert_eq!(clock.next_check(), start + seconds(1.4));
    assert!(clock.judge(start + seconds(1.4), &reading(false, 0.1, 0.4)));
}

#[test]
fn a_wait_that_goes_on_is_no_time_of_the_process() {
    let (mut clock, start) = clock();
    assert!(!clock.judge(start + seconds(9.0), &reading(true, 0.0, 0.0)));
    assert!(!clock.judge(start + seconds(9.5), &reading(true, 0.0, 0.0)));
    // It got a CPU meanwhile: what it can have been waiting for now is less than since the last look.
    assert!(!clock.judge(start + seconds(10.0), &reading(true, 0.1, 9.4)));
    assert!(clock.judge(start + seconds(10.1), &reading(true, 0.2, 9.0)));
}

#[test]
fn a_process_that_runs_all_along_is_over_one_look_after_its_limit() {
    let (mut clock, start) = clock();
    assert!(!clock.judge(start + seconds(1.0), &reading(true, 1.0, 0.0)));
    assert!(clock.judge(start + seconds(1.01), &reading(true, 1.01, 0.0)));
}

#[test]
fn the_time_before_the_fork_is_not_the_rollouts() {
    let (mut clock, start) = clock();
    let late = Reading {
        age: seconds(0.5),
        ..reading(false, 0.0, 0.0)
    };
    assert!(!clock.judge(start + seconds(3.0), &late));
}

#[test]
fn without_counters_the_limit_is_a_multiple_of_the_clock() {
    let start = Instant::now();
    let mut clock = WallClock::of_rollout(None, start, LIMIT);
    assert!(!clock.is_over(start + LIMIT));
    let end = start + LIMIT * UNCOUNTED_STRETCH;
    assert_eq!(clock.next_check(), end);
    assert!(clock.is_over(end));
}

#[test]
fn no_machine_is_waited_for_without_end() {
    let (clock, start) = clock();
    assert!(!clock.is_hopeless(start + LIMIT * MOST_STRETCH));
    assert!(clock.is_hopeless(start + (LIMIT + LEAST_PATIENCE) * MOST_STRETCH));
}

#[test]
fn a_name_with_brackets_does_not_shift_the_fields() {
    let stat = "7 (a) R 1) S 1 7 7 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 1 0 250 9 9";
    let found = Reading::parse(stat, "30 40 2\n", seconds(4.0)).expect("fields");
    let expected = Reading {
        is_runnable: false,
        age: seconds(1.5),
        ran: Duration::from_nanos(30),
        waited: Duration::from_nanos(40),
        turns: 2,
    };
    assert_eq!(found, expected);
    assert_eq!(
        Reading::parse(&stat.replace(") S", ") Z"), "30 40 2", LIMIT),
        None
    );
    assert_eq!(Reading::parse(stat, "30 40", LIMIT), None);
}

#[test]
fn this_process_is_read_by_its_number() {
    let own = number_in_proc().expect("a mounted /proc");
    assert_eq!(own, std::process::id());
    let reading = Reading::of(own).expect("counters");
    assert!(reading.age < Duration::from_secs(3600), "{reading:?}");
}
