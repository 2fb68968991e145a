//! A score has the same bits whenever, and on however many threads, it is computed.
#![cfg(not(loom))]
#![allow(clippy::cast_precision_loss)]

use vgrout_buffer::{Bf16, Element, Options, ScoreBuffer, Snapshot};

/// A fixed sequence of values of many magnitudes, so that the order of a sum matters.
fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let unit = f32::from(u16::try_from(state >> 48).expect("16 bits")) / 65_536.0 - 0.5;
        unit * 10f32.powi(i32::try_from(state >> 40 & 7).expect("3 bits") - 4)
    };
    (0..count).map(|_| next()).collect()
}

/// The bits of every score, in order.
fn ranked(snapshot: &Snapshot, rows: usize) -> Vec<u64> {
    let last = (rows - 1) as f64;
    let ranks: Vec<f64> = (0..rows).map(|rank| rank as f64 / last).collect();
    snapshot
        .quantiles(&ranks)
        .expect("rows")
        .into_iter()
        .map(f64::to_bits)
        .collect()
}

fn check<E: Element>(dim: usize, rows: usize) {
    let features: Vec<E> = values(rows * dim, 1).into_iter().map(E::narrow).collect();
    let (first, second) = (values(dim, 2), values(dim, 3));
    let mut answers = Vec::new();
    for threads in [1, 2, 7] {
        let options = Options {
            threads: Some(threads),
            ..Options::new(rows, dim)
        };
        let buffer = ScoreBuffer::<E>::new(options).expect("valid options");
        buffer.set_direction(&first).expect("finite");
        let mut pushed = Vec::new();
        for part in features.chunks(dim * 13) {
            pushed.extend(buffer.push(part).expect("finite"));
        }
        let when_pushed = ranked(&buffer.snapshot(), rows);
        buffer.set_direction(&second).expect("finite");
        let in_between = ranked(&buffer.snapshot(), rows);
        buffer.set_direction(&first).expect("finite");
        assert_eq!(ranked(&buffer.snapshot(), rows), when_pushed, "dim {dim}");
        assert_eq!(buffer.stats().rescored, 2 * rows as u64);
        let alone = features
            .chunks_exact(dim)
            .map(|row| vgrout_buffer::score(row, &first));
        assert!(
            alone
                .map(f32::to_bits)
                .eq(pushed.iter().map(|score| score.to_bits()))
        );
        answers.push((when_pushed, in_between));
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "dim {dim}"
    );
}

#[test]
fn scores_have_the_same_bits_pushed_and_scored_again_on_any_number_of_threads() {
    for dim in [1, 31, 32, 33, 257] {
        check::<f32>(dim, 3000);
        check::<Bf16>(dim, 3000);
    }
    // More than one part of work for every thread.
    check::<f32>(8064, 300);
    check::<Bf16>(8064, 300);
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let options = Options {
        half_life: Some(40.0),
        ..Options::new(3000, 1)
    };
    let buffer = ScoreBuffer::<f32>::new(options).expect("valid options");
    buffer.set_direction(&[1.0]).expect("finite");
    buffer.push(&values(5000, 4)).expect("finite");
    let snapshot = buffer.snapshot();
    let (before, both) = (ranked(&snapshot, 3000), snapshot.thresholds(0.1));
    for seed in 5..60 {
        buffer.push(&values(100, seed)).expect("finite");
        assert!(buffer.len() == 3000);
    }
    buffer.set_direction(&[-1.0]).expect("finite");
    assert_ne!(ranked(&buffer.snapshot(), 3000), before);
    assert_eq!(ranked(&snapshot, 3000), before);
    assert_eq!(snapshot.thresholds(0.1), both);
}

#[test]
fn besides_features_a_score_takes_at_most_24_bytes() {
    for (capacity, half_life) in [(8192, None), (8192, Some(1000.0)), (200_000, Some(5e4))] {
        let options = Options {
            half_life,
            ..Options::new(capacity, 1)
        };
        let buffer = ScoreBuffer::<f32>::new(options).expect("valid options");
        buffer.set_direction(&[1.0]).expect("finite");
        // Three windows' worth, in small pushes, of which the last drift upwards.
        for step in 0..3 * capacity / 32 {
            let drift = if step > 2 * capacity / 32 {
                step as f32
            } else {
                0.0
            };
            let rows: Vec<f32> = values(32, step as u64).iter().map(|v| v + drift).collect();
            buffer.push(&rows).expect("finite");
            if step % 16 == 0 {
                assert!(!buffer.is_empty());
            }
        }
        let stats = buffer.stats();
        let bytes = stats.index_bytes + stats.ingress_bytes;
        assert!(
            bytes <= 24 * capacity as u64,
            "{bytes} bytes for {capacity} rows: {stats:?}"
        );
    }
}
