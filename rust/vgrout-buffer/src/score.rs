//! Scores: the dot product of a stored row with the direction, in one fixed order of operations.
//!
//! Products and partial sums are `f32` in [`LANES`] lanes which are then folded in halves, multiplication and addition
//! rounded separately (never fused). The order depends on the length alone, so a score has the same bits when it is
//! pushed and when it is computed again, on one thread or many, on every machine.

/// Independent partial sums of one dot product; enough to hide the latency of addition.
const LANES: usize = 32;

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
    let sum = dot(row, direction);
    if sum.is_finite() {
        sum + 0.0
    } else {
        score_wide(row, direction)
    }
}

fn dot<E: Element>(row: &[E], direction: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (row_blocks, row_rest) = row.as_chunks::<LANES>();
    let (direction_blocks, direction_rest) = direction.as_chunks::<LANES>();
    for (features, weights) in row_blocks.iter().zip(direction_blocks) {
        for lane in 0..LANES {
            lanes[lane] += features[lane].widen() * weights[lane];
        }
    }
    for (lane, (feature, weight)) in row_rest.iter().zip(direction_rest).enumerate() {
        lanes[lane] += feature.widen() * weight;
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
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
#[allow(clippy::float_cmp)] // exact values are the point
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
