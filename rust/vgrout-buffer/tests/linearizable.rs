//! Concurrent histories of a whole buffer, each explained by some order of its operations run one at a time.
//!
//! Threads run short random programs and note when each operation began and ended. A search (Wing and Gong) then looks
//! for an order that respects those times and in which a plain, sequential buffer gives every answer that was given.
#![cfg(not(loom))]
#![allow(clippy::cast_precision_loss)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};

use proptest::prelude::*;
use vgrout_buffer::{Options, ScoreBuffer};

const CAPACITY: usize = 5;

#[derive(Clone, Debug)]
enum Call {
    Push(Vec<f32>),
    SetDirection(f32),
    Ordered,
    Restore(f32),
}

#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Scores(Vec<f32>),
    Done,
    /// The direction and the rows, oldest first, with their sorted scores.
    State(Option<f32>, Vec<f32>, Vec<f64>),
}

/// What a buffer behind one lock does.
#[derive(Clone, Debug)]
struct Sequential {
    rows: Vec<f32>,
    direction: f32,
}

impl Sequential {
    fn run(&mut self, call: &Call) -> Answer {
        match call {
            Call::Push(values) => {
                self.rows.extend(values);
                let excess = self.rows.len().saturating_sub(CAPACITY);
                self.rows.drain(..excess);
                Answer::Scores(values.iter().map(|value| value * self.direction).collect())
            }
            Call::SetDirection(direction) => {
                self.direction = *direction;
                Answer::Done
            }
            Call::Restore(value) => {
                (self.rows, self.direction) = (vec![*value], 1.0);
                Answer::Done
            }
            Call::Ordered => {
                let mut scores: Vec<f64> = self
                    .rows
                    .iter()
                    .map(|row| f64::from(row * self.direction))
                    .collect();
                scores.sort_by(f64::total_cmp);
                Answer::State(Some(self.direction), self.rows.clone(), scores)
            }
        }
    }
}

fn run(buffer: &ScoreBuffer<f32>, call: &Call) -> Answer {
    match call {
        Call::Push(values) => Answer::Scores(buffer.push(values).expect("finite rows")),
        Call::SetDirection(direction) => {
            buffer
                .set_direction(&[*direction])
                .expect("a finite direction");
            Answer::Done
        }
        Call::Restore(value) => {
            let state = vgrout_buffer::State {
                next_sequence: 1,
                direction: Some(vec![1.0]),
                rows: vec![*value],
            };
            buffer.restore(&state).expect("a valid state");
            Answer::Done
        }
        Call::Ordered => {
            let state = buffer.state();
            let direction = state.direction.map(|direction| direction[0]);
            Answer::State(direction, state.rows, Vec::new())
        }
    }
}

#[derive(Clone, Debug)]
struct Event {
    call: Call,
    answer: Answer,
    began: usize,
    ended: usize,
}

/// Runs each program on its own thread.
fn history(ingress: usize, programs: &[Vec<Call>]) -> Vec<Event> {
    let options = Options {
        threads: Some(1),
        ingress: Some(ingress),
        ..Options::new(CAPACITY, 1)
    };
    let buffer = ScoreBuffer::<f32>::new(options).expect("valid options");
    buffer.set_direction(&[1.0]).expect("finite");
    let (clock, events) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let start = Barrier::new(programs.len());
    std::thread::scope(|scope| {
        let (start, clock, events, buffer) = (&start, &clock, &events, &buffer);
        for program in programs {
            scope.spawn(move || {
                start.wait();
                for call in program {
                    let began = clock.fetch_add(1, Ordering::SeqCst);
                    let answer = run(buffer, call);
                    let ended = clock.fetch_add(1, Ordering::SeqCst);
                    let event = Event {
                        call: call.clone(),
                        answer,
                        began,
                        ended,
                    };
                    events.lock().expect("no panic").push(event);
                }
            });
        }
    });
    let began = clock.fetch_add(1, Ordering::SeqCst);
    let answer = run(&buffer, &Call::Ordered);
    let mut events = events.into_inner().expect("no panic");
    events.push(Event {
        call: Call::Ordered,
        answer,
        began,
        ended: began + 1,
    });
    // Quantiles at the ranks of the final state, so that the index is checked as well as the rows.
    if let Answer::State(_, rows, scores) = &mut events.last_mut().expect("one event").answer
        && !rows.is_empty()
    {
        let last = rows.len() - 1;
        let ranks: Vec<f64> = (0..=last)
            .map(|rank| {
                if last == 0 {
                    0.0
                } else {
                    rank as f64 / last as f64
                }
            })
            .collect();
        *scores = buffer.quantiles(&ranks).expect("rows");
    }
    events
}

/// Whether some order explains the events that are not yet `done` (a bit each).
fn explained(events: &[Event], done: u64, model: &Sequential) -> bool {
    if done.count_ones() as usize == events.len() {
        return true;
    }
    let pending = |index: &usize| done >> index & 1 == 0;
    let first_end = (0..events.len())
        .filter(pending)
        .map(|i| events[i].ended)
        .min();
    (0..events.len()).filter(pending).any(|index| {
        let event = &events[index];
        if Some(event.began) > first_end {
            return false;
        }
        let mut next = model.clone();
        let agrees = match (next.run(&event.call), &event.answer) {
            (Answer::State(direction, rows, scores), Answer::State(d, r, s)) => {
                direction == *d && rows == *r && (s.is_empty() || scores == *s)
            }
            (expected, given) => expected == *given,
        };
        agrees && explained(events, done | 1 << index, &next)
    })
}

fn call() -> impl Strategy<Value = Call> {
    let value = (1..50u8).prop_map(f32::from);
    prop_oneof![
        6 => prop::collection::vec(value.clone(), 1..4).prop_map(Call::Push),
        2 => prop::sample::select(vec![-1.0f32, 1.0, 2.0]).prop_map(Call::SetDirection),
        2 => Just(Call::Ordered),
        1 => value.prop_map(Call::Restore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("VGROUT_SOAK").map_or(400, |_| 40_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_history_has_an_order(
        ingress in prop::sample::select(vec![1usize, 2, 4]),
        programs in prop::collection::vec(prop::collection::vec(call(), 1..5), 2..5),
    ) {
        let events = history(ingress, &programs);
        let start = Sequential { rows: Vec::new(), direction: 1.0 };
        prop_assert!(explained(&events, 0, &start), "no order explains {events:#?}");
    }
}
