//! Random steps against an oracle in big integers, which sorts everything anew for every answer.
//!
//! `VGROUT_SOAK=1` runs more than a million steps.
#![cfg(not(loom))]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::collections::HashMap;

use num_bigint::BigUint;
use proptest::prelude::*;
use vgrout_buffer::weights::Decay;
use vgrout_buffer::{Options, ScoreBuffer, State};

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<i8>),
    /// So many rows, of values that repeat with this stride.
    PushMany(u16, u8),
    SetDirection(i8, i8),
    /// Into a fresh buffer, whose ring and blocks differ.
    Reload,
    Quantiles(Vec<f64>),
}

/// A half-life as a fraction, so that its powers of two are whole roots.
#[derive(Clone, Copy, Debug)]
struct HalfLife {
    numerator: u32,
    denominator: u32,
}

/// Everything from its definition: nothing is kept in order, no weight is remembered but as a cache.
struct Oracle {
    capacity: usize,
    half_life: Option<HalfLife>,
    /// Sequence number and features.
    rows: Vec<(u64, [f32; 2])>,
    next: u64,
    direction: [f32; 2],
    weights: HashMap<u64, BigUint>,
}

impl Oracle {
    fn push(&mut self, row: [f32; 2]) -> f64 {
        self.rows.push((self.next, row));
        self.next += 1;
        let excess = self.rows.len().saturating_sub(self.capacity);
        self.rows.drain(..excess);
        self.score(row)
    }

    /// Small whole numbers: exact in any precision.
    fn score(&self, row: [f32; 2]) -> f64 {
        f64::from(row[0]) * f64::from(self.direction[0])
            + f64::from(row[1]) * f64::from(self.direction[1])
    }

    fn weight(&mut self, age: u64, half_life: HalfLife) -> BigUint {
        self.weights
            .entry(age)
            .or_insert_with(|| exact_weight(age, half_life))
            .clone()
    }

    fn quantile(&mut self, q: f64) -> f64 {
        let mut sorted: Vec<(f64, u64)> = self
            .rows
            .iter()
            .map(|&(sequence, row)| (self.score(row), sequence))
            .collect();
        sorted.sort_by(|a, b| a.partial_cmp(b).expect("finite"));
        let Some(half_life) = self.half_life else {
            let place = (sorted.len() - 1) as f64 * q;
            let below = place.floor() as usize;
            let above = (below + 1).min(sorted.len() - 1);
            let (low, high, part) = (sorted[below].0, sorted[above].0, place - place.floor());
            return if part < 0.5 {
                low + (high - low) * part
            } else {
                high - (high - low) * (1.0 - part)
            };
        };
        let n = u64::from(half_life.numerator);
        let d = u64::from(half_life.denominator);
        let epoch = (32 * n).div_ceil(d);
        let end = (self.next - 1) / epoch * epoch + epoch - 1;
        let weights: Vec<BigUint> = sorted
            .iter()
            .map(|&(_, sequence)| self.weight(end - sequence, half_life))
            .collect();
        let total: BigUint = weights.iter().sum();
        // q = mantissa / 2^1100, exactly.
        let mantissa = BigUint::from((q * 2f64.powi(80)) as u128) << 1020u32;
        let mut sum = BigUint::ZERO;
        for ((score, _), weight) in sorted.iter().zip(&weights) {
            sum += weight;
            if &sum << 1100u32 >= &mantissa * &total {
                return *score;
            }
        }
        unreachable!("q is at most 1")
    }
}

fn row(code: i8) -> [f32; 2] {
    // Few values, so that ties are common; 7 codes give -0.0.
    let first = if code % 19 == 0 {
        -0.0
    } else {
        f32::from(code % 5)
    };
    [first, f32::from(code / 16)]
}

fn build(oracle: &Oracle, ingress: usize) -> ScoreBuffer<f32> {
    let half_life = oracle
        .half_life
        .map(|h| f64::from(h.numerator) / f64::from(h.denominator));
    let options = Options {
        half_life,
        ingress: Some(ingress),
        ..Options::new(oracle.capacity, 2)
    };
    ScoreBuffer::new(options).expect("valid options")
}

fn check(capacity: usize, half_life: Option<HalfLife>, ingress: usize, steps: &[Step]) {
    let mut oracle = Oracle {
        capacity,
        half_life,
        rows: Vec::new(),
        next: 0,
        direction: [1.0, 1.0],
        weights: HashMap::new(),
    };
    let mut buffer = build(&oracle, ingress);
    buffer.set_direction(&oracle.direction).expect("finite");
    let push = |oracle: &mut Oracle, buffer: &ScoreBuffer<f32>, rows: Vec<[f32; 2]>| {
        let scores = buffer.push(rows.as_flattened()).expect("finite");
        let expected: Vec<f64> = rows.into_iter().map(|row| oracle.push(row)).collect();
        assert_eq!(
            scores.into_iter().map(f64::from).collect::<Vec<_>>(),
            expected
        );
    };
    for step in steps {
        match step {
            Step::Push(codes) => {
                push(
                    &mut oracle,
                    &buffer,
                    codes.iter().map(|&code| row(code)).collect(),
                );
            }
            Step::PushMany(count, stride) => {
                let code = |i: u16| row((i.wrapping_mul(u16::from(*stride)) % 128) as i8 - 64);
                push(&mut oracle, &buffer, (0..*count).map(code).collect());
            }
            Step::SetDirection(first, second) => {
                oracle.direction = [f32::from(*first), f32::from(*second)];
                buffer.set_direction(&oracle.direction).expect("finite");
            }
            Step::Reload => {
                let state = buffer.state();
                let rows: Vec<f32> = oracle.rows.iter().flat_map(|(_, row)| *row).collect();
                let expected = State {
                    next_sequence: oracle.next,
                    direction: Some(oracle.direction.to_vec()),
                    rows,
                };
                assert_eq!(state, expected);
                buffer = build(&oracle, 64 / ingress);
                buffer.restore(&state).expect("its own state");
            }
            Step::Quantiles(probabilities) if !oracle.rows.is_empty() => {
                let given = buffer.quantiles(probabilities).expect("rows");
                let expected: Vec<f64> =
                    probabilities.iter().map(|&q| oracle.quantile(q)).collect();
                assert_eq!(given, expected, "{probabilities:?}");
            }
            Step::Quantiles(_) => assert!(buffer.is_empty()),
        }
    }
    assert_eq!(buffer.len(), oracle.rows.len());
}

fn step(many: u16) -> impl Strategy<Value = Step> {
    let probability = prop_oneof![
        prop::sample::select(vec![0.0, 0.25, 0.5, 0.75, 1.0]),
        // Multiples of 2^-80, so that the oracle's arithmetic on them is exact.
        (0.0..=1.0f64).prop_map(|q| (q * 2f64.powi(40)).floor() / 2f64.powi(40)),
    ];
    prop_oneof![
        6 => prop::collection::vec(any::<i8>(), 0..9).prop_map(Step::Push),
        1 => (1..many, any::<u8>()).prop_map(|(count, stride)| Step::PushMany(count, stride)),
        1 => (-3..4i8, -3..4i8).prop_map(|(a, b)| Step::SetDirection(a, b)),
        1 => Just(Step::Reload),
        6 => prop::collection::vec(probability, 1..4).prop_map(Step::Quantiles),
    ]
}

fn half_life() -> impl Strategy<Value = Option<HalfLife>> {
    let some = prop::sample::select(vec![
        (1, 4),
        (1, 2),
        (1, 1),
        (3, 2),
        (5, 1),
        (7, 1),
        (21, 2),
    ]);
    prop_oneof![
        1 => Just(None),
        3 => some.prop_map(|(numerator, denominator)| Some(HalfLife { numerator, denominator })),
    ]
}

fn cases(usual: u32, soak: u32) -> ProptestConfig {
    let cases = if std::env::var_os("VGROUT_SOAK").is_some() {
        soak
    } else {
        usual
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(150, 25_000))]

    #[test]
    fn small_windows_agree_with_big_integers(
        capacity in 1..70usize,
        half_life in half_life(),
        ingress in prop::sample::select(vec![1usize, 4, 16]),
        steps in prop::collection::vec(step(90), 1..80),
    ) {
        check(capacity, half_life, ingress, &steps);
    }
}

proptest! {
    #![proptest_config(cases(12, 1_000))]

    #[test]
    fn windows_of_many_blocks_agree_with_big_integers(
        capacity in 600..4000usize,
        half_life in half_life(),
        steps in prop::collection::vec(step(3000), 20..60),
    ) {
        check(capacity, half_life, 32, &steps);
    }
}

/// round(2^62 * 2^(-age * d / n)), half to even, by an n-th root.
fn exact_weight(
    age: u64,
    HalfLife {
        numerator,
        denominator,
    }: HalfLife,
) -> BigUint {
    let whole = 63 * u64::from(numerator);
    match whole.checked_sub(age * u64::from(denominator)) {
        None | Some(0) => BigUint::ZERO, // below one half, or exactly that
        Some(exponent) => ((BigUint::from(1u8) << exponent).nth_root(numerator) + 1u8) >> 1,
    }
}

#[test]
fn weights_are_correctly_rounded_powers_of_two() {
    let halves = [
        (1, 8),
        (1, 4),
        (1, 1),
        (2, 1),
        (3, 1),
        (3, 4),
        (7, 2),
        (21, 2),
        (61, 1),
    ];
    for (numerator, denominator) in halves {
        let half_life = HalfLife {
            numerator,
            denominator,
        };
        let decay = Decay::new(f64::from(numerator) / f64::from(denominator)).expect("valid");
        let last = 65 * u64::from(numerator) / u64::from(denominator);
        for age in (0..=last + 2).step_by(1 + numerator as usize / 4) {
            let expected = exact_weight(age, half_life);
            assert_eq!(
                BigUint::from(decay.weight(age)),
                expected,
                "{age} of {half_life:?}"
            );
        }
    }
}

/// Tags have 32 bits: the window is carried over their end.
#[test]
fn sequence_numbers_beyond_32_bits_keep_their_order() {
    for half_life in [None, Some(3.0)] {
        let options = Options {
            half_life,
            ..Options::new(4, 1)
        };
        let near = ScoreBuffer::<f32>::new(options).expect("valid options");
        let start = (1u64 << 32) - 2;
        let state = State {
            next_sequence: start,
            direction: Some(vec![1.0]),
            rows: vec![7.0; 4],
        };
        near.restore(&state).expect("a valid state");
        // The decay epoch is 96 rows; a buffer at the same place of its epoch must give the same answers.
        let far = ScoreBuffer::<f32>::new(options).expect("valid options");
        far.restore(&State {
            next_sequence: start % 96 + 96,
            ..state
        })
        .expect("a valid state");
        for value in [7.0, 1.0, 7.0, 2.0, 5.0, 7.0, 3.0] {
            for buffer in [&near, &far] {
                buffer.push(&[value]).expect("finite");
            }
            let probabilities = [0.0, 0.3, 0.6, 0.9, 1.0];
            assert_eq!(
                near.quantiles(&probabilities),
                far.quantiles(&probabilities)
            );
        }
        assert_eq!(near.state().next_sequence, start + 7);
    }
}
