//! Recency weights as exact integers.
//!
//! A row with sequence number `s` weighs `round(2^62 * 2^((s - E) / h))`, where `h` is the half-life in rows and `E`
//! the last sequence number of the current *decay epoch*, a run of `ceil(32 h)` rows. Inside an epoch a weight never
//! changes, whatever arrives later; at an epoch's change all are computed afresh. Sums are `u128`, hence exact and
//! independent of the order of summation. No floating-point arithmetic takes part: the power of two comes from an
//! integer routine with 127 fractional bits, so that every machine gets the same weights.

/// 1.0 with 127 fractional bits.
const ONE: u128 = 1 << 127;
const LOW: u128 = u64::MAX as u128;

/// The full 256-bit product as (high, low).
const fn wide(a: u128, b: u128) -> (u128, u128) {
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (low, cross, other) = (a0 * b0, a0 * b1, a1 * b0);
    let middle = (low >> 64) + (cross & LOW) + (other & LOW);
    let high = a1 * b1 + (cross >> 64) + (other >> 64) + (middle >> 64);
    (high, ((middle & LOW) << 64) | (low & LOW))
}

/// Product of two values with 127 fractional bits, both at most 1.0.
const fn multiply(a: u128, b: u128) -> u128 {
    let (high, low) = wide(a, b);
    (high << 1) | (low >> 127)
}

/// Square root, rounded down, of a value with 127 fractional bits.
const fn square_root(value: u128) -> u128 {
    let (target_high, target_low) = (value >> 1, value << 127);
    let mut root = 0;
    let mut bit = 128;
    while bit > 0 {
        bit -= 1;
        let candidate = root | (1 << bit);
        let (high, low) = wide(candidate, candidate);
        if high < target_high || (high == target_high && low <= target_low) {
            root = candidate;
        }
    }
    root
}

/// `TABLE[j][v]` is 2^(-v / 16^(j + 1)): the powers for the first 32 bits of a fraction.
const fn build_table() -> [[u128; 16]; 8] {
    let mut table = [[ONE; 16]; 8];
    let mut root = ONE >> 1;
    let mut digit = 0;
    while digit < 8 {
        let mut bit = 8;
        while bit > 0 {
            root = square_root(root);
            let mut value = 0;
            while value < 16 {
                if value & bit != 0 {
                    table[digit][value] = multiply(table[digit][value], root);
                }
                value += 1;
            }
            bit >>= 1;
        }
        digit += 1;
    }
    table
}

/// ln 2 with 128 fractional bits, from the sum of 1 / (k 2^k).
const fn build_ln2() -> u128 {
    let mut sum = 0;
    let mut k = 1;
    while k <= 128 {
        sum += (ONE >> (k - 1)) / k;
        k += 1;
    }
    sum
}

static TABLE: [[u128; 16]; 8] = build_table();
const LN2: u128 = build_ln2();

/// `round(2^62 * 2^-(whole + fraction))`, where `fraction` counts units of 2^-128.
fn exp2_negative(whole: u32, fraction: u128) -> u64 {
    // What the table leaves is below 2^-32, where three terms of the series reach 2^-128.
    let (y, _) = wide(fraction & (u128::MAX >> 32), LN2);
    let (upper, top) = (y >> 32, y >> 64);
    let square = (upper * upper) >> 64;
    let cube = (square * top) >> 64;
    let mut power = ONE - ((y - square / 2 + cube / 6) >> 1);
    for (digit, row) in TABLE.iter().enumerate() {
        let value = (fraction >> (124 - 4 * digit)) & 15;
        power = multiply(power, row[value as usize]);
    }
    // `shift` is at most 127, and the result at most 2^62.
    let shift = 65 + whole;
    #[allow(clippy::cast_possible_truncation)]
    let rounded = ((power + (1 << (shift - 1))) >> shift) as u64;
    rounded
}

/// The decay rule of one buffer.
#[derive(Clone, Copy, Debug)]
pub struct Decay {
    epoch_rows: u64,
    /// `1 / half_life` is `inverse / 2^scale`, rounded up in its 127th bit.
    inverse: u128,
    scale: i32,
}

impl Decay {
    /// The rule for a half-life in rows; None unless it is finite and positive.
    #[must_use]
    pub fn new(half_life: f64) -> Option<Self> {
        if !(half_life.is_finite() && half_life > 0.0) {
            return None;
        }
        let bits = half_life.to_bits();
        let (field, digits) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
        let (mantissa, exponent) = if field == 0 {
            (digits, -1074)
        } else {
            (digits | 1 << 52, field - 1075)
        };
        // The cast saturates: an epoch is never longer than 2^64 - 1 rows.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let epoch_rows = ((32.0 * half_life).ceil() as u64).max(1);
        let length = i32::try_from(mantissa.ilog2()).unwrap_or(0) + 1;
        // ceil(2^(126 + length) / mantissa), by long division; it lies in (2^126, 2^127].
        let (mut inverse, mut rest) = (0u128, 1u64);
        for _ in 0..126 + length {
            (inverse, rest) = (inverse << 1, rest << 1);
            if rest >= mantissa {
                (inverse, rest) = (inverse | 1, rest - mantissa);
            }
        }
        if mantissa == 1 {
            inverse = ONE; // the loop starts below the mantissa, which a mantissa of 1 never is
        } else if rest > 0 {
            inverse += 1;
        }
        Some(Self {
            epoch_rows,
            inverse,
            scale: 126 + length + exponent,
        })
    }

    /// The last sequence number of the decay epoch that holds `sequence`.
    #[must_use]
    pub fn epoch_end(&self, sequence: u64) -> u64 {
        (sequence / self.epoch_rows * self.epoch_rows).saturating_add(self.epoch_rows - 1)
    }

    /// The weight of a row `age` rows before its epoch's end: `round(2^62 * 2^(-age / half_life))`, half to even.
    #[must_use]
    pub fn weight(&self, age: u64) -> u64 {
        if age == 0 {
            return 1 << 62;
        }
        // age / half_life = (high * 2^128 + low) / 2^(scale + 64), at most 63 * 2^-126 too large and never too small,
        // so a whole quotient stays whole.
        let low = u128::from(age) * (self.inverse & LOW);
        let high = u128::from(age) * (self.inverse >> 64) + (low >> 64);
        let low = low << 64;
        let (whole, fraction) = match self.scale - 64 {
            ..0 => return 0, // beyond 2^62 half-lives
            0 => (high, low),
            shift @ 1..128 => (high >> shift, high << (128 - shift) | low >> shift),
            shift @ 128..256 => (0, high >> (shift - 128)),
            256.. => (0, 0),
        };
        match u32::try_from(whole) {
            Ok(whole @ ..63) => exp2_negative(whole, fraction),
            _ => 0, // at most one half, which rounds to even
        }
    }
}

/// `ceil(q * total)` in exact arithmetic, for `q` in [0, 1]; `total` is below 2^96.
#[must_use]
pub fn quantile_target(q: f64, total: u128) -> u128 {
    let bits = q.to_bits();
    let (field, digits) = ((bits >> 52) as u32, bits & ((1 << 52) - 1));
    // q = mantissa * 2^-right
    let (mantissa, right) = if field == 0 {
        (digits, 1074)
    } else {
        (digits | 1 << 52, 1075 - field)
    };
    let low = u128::from(mantissa) * (total & LOW);
    let high = u128::from(mantissa) * (total >> 64) + (low >> 64);
    let low = low & LOW; // the product is high * 2^64 + low
    let (quotient, inexact) = match right {
        0 => unreachable!("q is at most 1, so its unit in the last place is below 1"),
        1..=63 => (
            (high << (64 - right)) | (low >> right),
            low & ((1 << right) - 1) != 0,
        ),
        64..=191 => {
            let shift = right - 64;
            (high >> shift, low != 0 || high & ((1 << shift) - 1) != 0)
        }
        _ => (0, high != 0 || low != 0),
    };
    quotient + u128::from(inexact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_half_lives_are_exact_powers_of_two() {
        let decay = Decay::new(1000.0).expect("valid");
        for halvings in 0..63 {
            assert_eq!(decay.weight(halvings * 1000), 1 << (62 - halvings));
        }
        assert_eq!(decay.weight(63 * 1000), 0);
        assert_eq!(decay.weight(u64::MAX), 0);
    }

    #[test]
    fn known_irrational_powers_are_rounded_correctly() {
        // 2^62 / sqrt(2), from the integer square root of 2^123.
        let decay = Decay::new(2.0).expect("valid");
        assert_eq!(decay.weight(1), 3_260_954_456_333_195_553);
    }

    #[test]
    fn extreme_half_lives_do_not_overflow() {
        for half_life in [f64::MIN_POSITIVE, 5e-324, 1e-3] {
            let decay = Decay::new(half_life).expect("valid");
            assert_eq!((decay.weight(0), decay.weight(1)), (1 << 62, 0));
            assert_eq!(decay.epoch_end(7), 7);
        }
        for half_life in [1e300, f64::MAX] {
            let decay = Decay::new(half_life).expect("valid");
            assert_eq!(decay.weight(u64::MAX), 1 << 62);
            assert_eq!(decay.epoch_end(5), u64::MAX - 1);
        }
        assert_eq!(
            Decay::new(2f64.powi(64)).expect("valid").weight(1 << 63),
            3_260_954_456_333_195_553
        );
        assert_eq!(
            Decay::new(2f64.powi(58)).expect("valid").weight(1 << 58),
            1 << 61
        );
    }

    #[test]
    fn the_newest_row_of_an_epoch_never_rounds_to_nothing() {
        for half_life in [0.01, 0.5, 1.0, 7.3, 1000.0] {
            let decay = Decay::new(half_life).expect("valid");
            for sequence in [0, 1, 999, 31_999, 32_000] {
                assert!(decay.weight(decay.epoch_end(sequence) - sequence) >= 1 << 30);
            }
        }
    }

    #[test]
    fn targets_are_rounded_up_exactly() {
        assert_eq!(quantile_target(0.0, 1 << 90), 0);
        assert_eq!(quantile_target(1.0, (1 << 90) + 1), (1 << 90) + 1);
        assert_eq!(quantile_target(0.5, 7), 4);
        assert_eq!(quantile_target(0.5, (1 << 90) + 1), (1 << 89) + 1);
        assert_eq!(quantile_target(5e-324, 1), 1);
        assert_eq!(quantile_target(0.25, 1 << 94), 1 << 92);
        assert_eq!(quantile_target(2f64.powi(-100), (1 << 94) + 5), 1);
    }
}
