//! Machinery that dies under the pool: a rollout is run again or lost with an error, never misjudged.

mod pool_support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pool_support::{
    ADD, LIMITS, LOOP, alone, brokers, exists, grade, job, kill, lives, one, outcomes, pool,
    rollouts, wait_until, zygotes,
};
use vgrout_grader::{Job, Limits, MachineError, Outcome};

/// Slow enough to be hit, and told apart by its answer.
const SLOW: &str = "class Solution:\n    def add(self, a, b):\n        sum(range(300_000))\n        return a + b\n";
const WRONG: &str = "class Solution:\n    def add(self, a, b):\n        sum(range(300_000))\n        return a - b\n";

fn batch(count: usize) -> Vec<Arc<Job>> {
    (0..count)
        .map(|index| job(if index % 2 == 0 { SLOW } else { WRONG }))
        .collect()
}

fn expected(index: usize) -> Outcome {
    if index.is_multiple_of(2) {
        Outcome::Accepted
    } else {
        Outcome::WrongAnswer
    }
}

/// Runs `deed` once rollouts run, while `jobs` are graded.
fn disturbed(
    pool: &vgrout_grader::Pool,
    jobs: &[Arc<Job>],
    deed: impl FnOnce() + Send,
) -> Vec<pool_support::Graded> {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("a rollout runs", 20, || !rollouts().is_empty());
            deed();
        });
        grade(pool, jobs)
    })
}

#[test]
fn killed_zygotes_lose_no_rollout() {
    let _turn = alone();
    let pool = pool(2, LIMITS);
    let graded = disturbed(&pool, &batch(40), || zygotes().into_iter().for_each(kill));
    for (index, outcome) in outcomes(graded).into_iter().enumerate() {
        assert_eq!(outcome, expected(index), "job {index}");
    }
}

#[test]
fn a_killed_broker_loses_no_rollout() {
    let _turn = alone();
    let pool = pool(2, LIMITS);
    one(&pool, &job(ADD));
    let old: Vec<u32> = brokers().into_iter().chain(zygotes()).collect();
    let graded = disturbed(&pool, &batch(40), || brokers().into_iter().for_each(kill));
    for (index, outcome) in outcomes(graded).into_iter().enumerate() {
        assert_eq!(outcome, expected(index), "job {index}");
    }
    wait_until("the old broker's processes end", 5, || {
        !old.iter().any(|pid| lives(*pid))
    });
    assert_eq!(brokers().len(), 1);
}

#[test]
fn a_broker_killed_while_it_starts_is_started_again() {
    let _turn = alone();
    let pool = pool(2, LIMITS);
    let graded = disturbed(&pool, &batch(20), || {
        let mut killed = BTreeSet::new();
        while killed.len() < 3 {
            let new: Vec<u32> = brokers().difference(&killed).copied().collect();
            for pid in new {
                kill(pid);
                killed.insert(pid);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    for (index, outcome) in outcomes(graded).into_iter().enumerate() {
        assert_eq!(outcome, expected(index), "job {index}");
    }
}

#[test]
fn one_dead_zygote_does_not_end_the_others() {
    let _turn = alone();
    let pool = pool(2, LIMITS);
    let warm = outcomes(grade(&pool, &batch(8)));
    assert_eq!(warm.len(), 8);
    let broker = brokers();
    let before = zygotes();
    assert_eq!(before.len(), 2);
    let victim = *before.first().expect("two zygotes");
    kill(victim);
    for round in 0..3 {
        let all = outcomes(grade(&pool, &batch(8)));
        assert_eq!(all.len(), 8, "round {round}");
    }
    assert_eq!(brokers(), broker);
    let survivor = before.last().expect("two zygotes");
    assert!(zygotes().contains(survivor));
}

#[test]
fn a_storm_of_kills_gives_verdicts_or_typed_errors_and_never_a_wrong_verdict() {
    let _turn = alone();
    let pool = pool(2, LIMITS);
    let calm = AtomicBool::new(false);
    let graded = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !calm.load(Ordering::Relaxed) {
                zygotes().into_iter().for_each(kill);
                std::thread::sleep(Duration::from_millis(30));
            }
        });
        let graded = grade(&pool, &batch(30));
        calm.store(true, Ordering::Relaxed);
        graded
    });
    for (index, one) in graded.into_iter().enumerate() {
        match one {
            Ok(verdict) => assert_eq!(verdict.outcome, expected(index), "job {index}"),
            Err(MachineError::Sandbox(_)) => {}
            Err(other) => panic!("job {index}: {other}"),
        }
    }
    assert_eq!(one(&pool, &job(ADD)).outcome, Outcome::Accepted);
}

#[test]
fn closing_while_others_grade_ends_their_rollouts_as_closed() {
    let _turn = alone();
    let limits = Limits {
        cpu_s: 60.0,
        wall_s: 60.0,
        ..LIMITS
    };
    let pool = pool(2, limits);
    let jobs: Vec<_> = (0..6).map(|_| job(LOOP)).collect();
    let (graded, took) = std::thread::scope(|scope| {
        let grading = scope.spawn(|| grade(&pool, &jobs));
        wait_until("both workers are busy", 20, || rollouts().len() == 2);
        let below: Vec<u32> = brokers()
            .into_iter()
            .chain(zygotes())
            .chain(rollouts())
            .collect();
        let start = Instant::now();
        pool.close();
        let took = start.elapsed();
        assert!(
            !below.iter().any(|pid| exists(*pid)),
            "close returns when all is gone"
        );
        (grading.join().expect("the caller"), took)
    });
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(graded.len(), 6);
    assert!(
        graded
            .iter()
            .all(|one| matches!(one, Err(MachineError::Closed)))
    );
    let later = grade(&pool, &[job(ADD)]);
    assert!(matches!(later[..], [Err(MachineError::Closed)]));
    pool.close();
}
