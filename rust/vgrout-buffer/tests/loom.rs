//! Every interleaving of the ring's operations, for a few threads. Runs under `RUSTFLAGS="--cfg loom"` only.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use vgrout_buffer::ring::{Reader, Refused, Ring, ring};
use vgrout_buffer::{Options, ScoreBuffer};

/// Bounded where the full space would take hours; two preemptions find every known ordering mistake of such rings.
fn model(preemptions: Option<usize>, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(body);
}

/// A ring with a first direction, so that epoch 1 is in force.
fn started(slots: usize) -> (Arc<Ring<f32>>, Reader<f32>) {
    let (ring, mut reader) = ring(slots, 1);
    reader.publish(Some(vec![1.0]), |_, _| {});
    (ring, reader)
}

/// Pushes one row per value, under one reservation, each scored as itself times the direction.
fn push(ring: &Ring<f32>, values: &[f32]) -> Result<(), Refused> {
    ring.pinned(|pinned| {
        let factor = pinned.direction.expect("started")[0];
        let scores: Vec<f32> = values.iter().map(|value| value * factor).collect();
        pinned.push(values, &scores)
    })
}

fn drain(reader: &mut Reader<f32>) -> Vec<f32> {
    let mut seen = Vec::new();
    reader.drain(|rows, scores| {
        assert_eq!(rows, scores);
        seen.extend_from_slice(rows);
    });
    seen
}

#[test]
fn two_pushes_both_arrive_whole() {
    model(None, || {
        let (ring, mut reader) = started(4);
        let other = ring.clone();
        let thread = thread::spawn(move || push(&other, &[1.0, 2.0]));
        push(&ring, &[3.0]).expect("there is room");
        thread.join().expect("no panic").expect("there is room");
        let seen = drain(&mut reader);
        assert!(
            seen == [1.0, 2.0, 3.0] || seen == [3.0, 1.0, 2.0],
            "{seen:?}"
        );
    });
}

#[test]
fn a_reader_sees_all_of_a_push_or_nothing() {
    model(None, || {
        let (ring, mut reader) = started(2);
        let thread = thread::spawn(move || push(&ring, &[1.0, 2.0]));
        let mut seen = drain(&mut reader);
        assert!(seen.is_empty() || seen == [1.0, 2.0], "{seen:?}");
        thread.join().expect("no panic").expect("there is room");
        seen.extend(drain(&mut reader));
        assert_eq!(seen, [1.0, 2.0]);
    });
}

#[test]
fn slots_are_used_again_only_after_they_were_read() {
    model(Some(3), || {
        let (ring, mut reader) = started(2);
        push(&ring, &[1.0]).expect("there is room");
        let thread = thread::spawn(move || {
            // Wraps: the second row lies in the first slot.
            while push(&ring, &[2.0, 3.0]) == Err(Refused::Full) {
                thread::yield_now();
            }
        });
        let mut seen = Vec::new();
        while seen.len() < 3 {
            seen.extend(drain(&mut reader));
            thread::yield_now();
        }
        thread.join().expect("no panic");
        assert_eq!(seen, [1.0, 2.0, 3.0]);
    });
}

#[test]
fn a_full_ring_refuses_and_loses_nothing() {
    model(Some(3), || {
        let (ring, mut reader) = started(1);
        let threads = [1.0, 2.0].map(|value| {
            let ring = ring.clone();
            thread::spawn(move || push(&ring, &[value]).is_ok().then_some(value))
        });
        let mut seen = drain(&mut reader);
        let mut stored: Vec<f32> = threads
            .into_iter()
            .filter_map(|thread| thread.join().expect("no panic"))
            .collect();
        seen.extend(drain(&mut reader));
        seen.sort_by(f32::total_cmp);
        stored.sort_by(f32::total_cmp);
        assert!(!stored.is_empty());
        assert_eq!(seen, stored);
    });
}

#[test]
fn two_changes_of_direction_never_touch_a_pinned_one() {
    model(Some(3), || {
        let (ring, mut reader) = started(4);
        let thread = thread::spawn(move || while push(&ring, &[1.0]) == Err(Refused::Stale) {});
        let mut old = Vec::new();
        for factor in [2.0, 3.0] {
            reader.publish(Some(vec![factor]), |_, scores| {
                old.push((factor, scores[0]))
            });
        }
        thread.join().expect("no panic");
        let mut late = Vec::new();
        reader.drain(|_, scores| late.push(scores[0]));
        // A row handed over by a change was scored before it; one drained afterwards, with the last direction.
        match (&old[..], &late[..]) {
            ([(before, score)], []) => assert_eq!(score + 1.0, *before),
            ([], [score]) => assert_eq!(*score, 3.0),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_claim_stands_between_pushes() {
    model(Some(3), || {
        let (ring, mut reader) = started(2);
        let producer = ring.clone();
        let thread = thread::spawn(move || {
            while push(&producer, &[1.0]) == Err(Refused::Full) {
                thread::yield_now();
            }
        });
        let mut seen = Vec::new();
        loop {
            seen.extend(drain(&mut reader));
            if reader.claim(5) {
                break;
            }
        }
        let before = seen.len();
        reader.release(5);
        thread.join().expect("no panic");
        seen.extend(drain(&mut reader));
        assert_eq!(seen, [1.0]);
        assert!(before <= 1);
        push(&ring, &[4.0, 5.0]).expect("the claim left the ring empty");
        assert_eq!(drain(&mut reader), [4.0, 5.0]);
    });
}

#[test]
fn a_push_that_races_a_new_direction_is_scored_by_it_in_the_end() {
    model(Some(2), || {
        let options = Options {
            threads: Some(1),
            ingress: Some(1),
            ..Options::new(4, 1)
        };
        let buffer = Arc::new(ScoreBuffer::<f32>::new(options).expect("valid options"));
        buffer.set_direction(&[1.0]).expect("finite");
        let other = buffer.clone();
        let thread = thread::spawn(move || other.push(&[3.0]).expect("finite"));
        buffer.set_direction(&[2.0]).expect("finite");
        let now = buffer.quantiles(&[0.5]).ok();
        assert!(now.is_none() || now == Some(vec![6.0]), "{now:?}");
        let score = thread.join().expect("no panic");
        assert!(score == [3.0] || score == [6.0], "{score:?}");
        assert_eq!(buffer.quantiles(&[0.5]), Ok(vec![6.0]));
    });
}

#[test]
fn a_full_buffer_keeps_every_row() {
    model(Some(2), || {
        let options = Options {
            threads: Some(1),
            ingress: Some(1),
            ..Options::new(4, 1)
        };
        let buffer = Arc::new(ScoreBuffer::<f32>::new(options).expect("valid options"));
        buffer.set_direction(&[1.0]).expect("finite");
        let other = buffer.clone();
        let thread = thread::spawn(move || other.push(&[1.0]).expect("finite"));
        buffer.push(&[2.0]).expect("finite");
        assert!(buffer.len() >= 1, "a push that returned is seen");
        thread.join().expect("no panic");
        assert_eq!(buffer.quantiles(&[0.0, 1.0]), Ok(vec![1.0, 2.0]));
    });
}
