//! Scores: the dot product of a stored row with the direction, in one fixed order of operations.
//!
//! Products and partial sums are `f32` in [`LANES`] lanes which are then folded in halves, multiplication and addition
//! rounded separately (never fused). The order depends on the length alone, so a score has the same bits when it is
//! pushed and when it is computed again, on one thread or many, on every machine.

/// Independent partial sums of one dot product: they fill vector registers and hide the latency of addition.
const LANES: usize = 16;

/// Rows scored side by side: as many streams from memory, which one stream alone cannot keep busy.
const ROWS: usize = 4;

/// A storage type for features.
pub trait Element: Copy + Default + Send + Sync + 'static {
    /// Its name, as the caller spells it.
    const NAME: &'static str;
    /// The exact value.
    fn widen(self) -> f32;
    /// The nearest representable value, ties to even.
    fn narrow(value: f32) -> Self;
}

impl Element for f32 {
    const NAME: &'static str = "float32";
    fn widen(self) -> f32 {
        self
    }
    fn narrow(value: f32) -> Self {
        value
    }
}

/// The upper half of a `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl Element for Bf16 {
    const NAME: &'static str = "bfloat16";
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
    #[allow(clippy::cast_possible_truncation)]
    fn narrow(value: f32) -> Self {
        let bits = value.to_bits();
        if value.is_nan() {
            return Self((bits >> 16) as u16 | 0x40);
        }
        let even = (bits >> 16) & 1;
        Self(((bits + 0x7fff + even) >> 16) as u16)
    }
}

/// The score of `row`; NaN if and only if a feature is NaN or infinite. Never -0.0.
///
/// A sum that leaves the range of `f32` is taken again in `f64` and clamped to the largest finite `f32`, so that
/// finite features always have a finite score.
#[must_use]
pub fn score<E: Element>(row: &[E], direction: &[f32]) -> f32 {
    let [sum] = dots([row], direction);
    finish(sum, row, direction)
}

/// The `score` of each row, to the same bits.
///
/// # Panics
/// When there are fewer rows than places in `scores`.
pub(crate) fn score_all<'a, E: Element>(
    mut rows: impl Iterator<Item = &'a [E]>,
    direction: &[f32],
    scores: &mut [f32],
) {
    let mut next = || rows.next().expect("a row for each score");
    let (groups, rest) = scores.as_chunks_mut::<ROWS>();
    for group in groups {
        let rows: [&[E]; ROWS] = std::array::from_fn(|_| next());
        *group = dots(rows, direction);
        for (sum, row) in group.iter_mut().zip(rows) {
            *sum = finish(*sum, row, direction);
        }
    }
    for out in rest {
        *out = score(next(), direction);
    }
}

fn finish<E: Element>(sum: f32, row: &[E], direction: &[f32]) -> f32 {
    if sum.is_finite() {
        sum + 0.0
    } else {
        score_wide(row, direction)
    }
}

/// Each row's sum, in an order of operations that does not depend on how many rows there are.
#[allow(clippy::needless_range_loop)] // indices keep the loops plain enough to become vector code
fn dots<E: Element, const N: usize>(rows: [&[E]; N], direction: &[f32]) -> [f32; N] {
    let mut lanes = [[0.0f32; LANES]; N];
    let (weight_blocks, weight_rest) = direction.as_chunks::<LANES>();
    let blocks = rows.map(|row| &row.as_chunks::<LANES>().0[..weight_blocks.len()]);
    for (index, weights) in weight_blocks.iter().enumerate() {
        for row in 0..N {
            let features = &blocks[row][index];
            for lane in 0..LANES {
                lanes[row][lane] += features[lane].widen() * weights[lane];
            }
        }
    }
    for (row, sums) in rows.iter().zip(&mut lanes) {
        let rest = row.as_chunks::<LANES>().1;
        for (sum, (feature, weight)) in sums.iter_mut().zip(rest.iter().zip(weight_rest)) {
            *sum += feature.widen() * weight;
        }
    }
    lanes.map(|mut sums| {
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                sums[lane] += sums[lane + half];
            }
            half /= 2;
        }
        sums[0]
    })
}

#[cold]
fn score_wide<E: Element>(row: &[E], direction: &[f32]) -> f32 {
    if row.iter().any(|feature| !feature.widen().is_finite()) {
        return f32::NAN;
    }
    let sum: f64 = row
        .iter()
        .zip(direction)
        .map(|(x, v)| f64::from(x.widen()) * f64::from(*v))
        .sum();
    #[allow(clippy::cast_possible_truncation)]
    let rounded = sum.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
    rounded + 0.0
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss)] // exact values are the point
mod tests {
    use super::*;

    #[test]
    fn bfloat16_rounds_to_nearest_even() {
        for (value, bits) in [
            (1.0, 0x3f80),
            (1.003_906_3, 0x3f80),
            (1.011_718_8, 0x3f82),
            (-0.0, 0x8000),
        ] {
            assert_eq!(Bf16::narrow(value).0, bits);
        }
        assert!(Bf16::narrow(f32::MAX).widen().is_infinite());
        assert!(Bf16::narrow(f32::from_bits(0x7f80_0001)).widen().is_nan());
    }

    #[test]
    fn negative_zero_becomes_zero() {
        assert_eq!(score(&[-0.0f32], &[1.0]).to_bits(), 0);
        assert_eq!(score(&[0.0f32], &[-1.0]).to_bits(), 0);
    }

    #[test]
    fn finite_features_have_finite_scores() {
        assert_eq!(score(&[f32::MAX, f32::MAX], &[f32::MAX, 1.0]), f32::MAX);
        assert_eq!(score(&[f32::MAX, f32::MAX], &[f32::MAX, f32::MIN]), 0.0);
        assert!(score(&[f32::INFINITY], &[0.0]).is_nan());
        assert!(score(&[1.0, f32::NAN], &[0.0, 0.0]).is_nan());
    }

    #[test]
    fn rows_scored_together_have_the_bits_of_one_alone() {
        for dim in [1usize, 15, 16, 17, 100] {
            let values: Vec<f32> = (0..11 * dim)
                .map(|i| (i as f32 * 0.7).sin() * 1e3)
                .collect();
            let direction = &values[dim / 2..dim / 2 + dim];
            let mut together = [0.0; 11];
            score_all(values.chunks_exact(dim), direction, &mut together);
            for (row, sum) in values.chunks_exact(dim).zip(together) {
                assert_eq!(score(row, direction).to_bits(), sum.to_bits());
            }
        }
        let mut huge = [0.0; 5];
        score_all(
            [&[f32::MAX, f32::MAX][..]; 5].into_iter(),
            &[2.0, -1.0],
            &mut huge,
        );
        assert_eq!(huge, [f32::MAX; 5]);
    }

    #[test]
    fn every_length_sums_every_element_once() {
        for length in 0..200u16 {
            let row: Vec<f32> = (0..length).map(f32::from).collect();
            let expected = f32::from(length) * (f32::from(length) - 1.0) / 2.0;
            assert_eq!(
                score(&row, &vec![1.0; row.len()]),
                if length == 0 { 0.0 } else { expected }
            );
        }
    }
}
