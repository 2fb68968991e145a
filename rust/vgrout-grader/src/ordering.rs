//! Python's `<` and `sorted` on values, without ever running a comparison that can fail unseen.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed};

use crate::equality::{Number, integral, number, python_eq};
use crate::value::{Text, Value};

/// Exact order of two numbers; `None` with NaN.
pub(crate) fn compare_numbers(a: Number<'_>, b: Number<'_>) -> Option<Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Big(a), Number::Big(b)) => Some(a.cmp(b)),
        (Number::Int(int), Number::Big(big)) => Some(small_against_big(int, big)),
        (Number::Big(big), Number::Int(int)) => Some(small_against_big(int, big).reverse()),
        (Number::Int(int), Number::Float(float)) => compare_to_float(&BigInt::from(int), float),
        (Number::Big(big), Number::Float(float)) => compare_to_float(big, float),
        (Number::Float(_), _) => compare_numbers(b, a).map(Ordering::reverse),
    }
}

fn small_against_big(int: i64, big: &BigInt) -> Ordering {
    BigInt::from(int).cmp(big)
}

fn compare_to_float(int: &BigInt, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    let Some(whole) = BigInt::from_f64(float.trunc()) else {
        return Some(if float > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    };
    let by_fraction = 0.0_f64.partial_cmp(&float.fract())?;
    Some(int.cmp(&whole).then(by_fraction))
}

/// The order by which Python's `sorted` would place the two; `None` where it would raise, where NaN
/// leaves the order open, and for sets, whose `<` is no order.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            for (a, b) in a.iter().zip(b) {
                match compare_inside(a, b) {
                    Some(Ordering::Equal) => {}
                    decided => return decided,
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        _ => compare_numbers(number(a)?, number(b)?),
    }
}

/// Inside a sequence Python skips equal elements, whether or not they have an order.
fn compare_inside(a: &Value, b: &Value) -> Option<Ordering> {
    let has_order =
        matches!(a, Value::Str(_) | Value::List(_) | Value::Tuple(_)) || number(a).is_some();
    if has_order {
        compare(a, b)
    } else {
        python_eq(a, b).then_some(Ordering::Equal)
    }
}

/// `sorted(items)`; `None` where a comparison it needs would raise or means nothing.
pub(crate) fn python_sorted<'a>(items: Vec<&'a Value>) -> Option<Vec<&'a Value>> {
    // A merge sort of our own: the standard one may panic on an order that is not total.
    let mut from = items;
    let mut width = 1;
    while width < from.len() {
        let mut to: Vec<&'a Value> = Vec::with_capacity(from.len());
        for run in from.chunks(2 * width) {
            let (left, right) = run.split_at(width.min(run.len()));
            merge(left, right, &mut to)?;
        }
        from = to;
        width *= 2;
    }
    Some(from)
}

fn merge<'a>(
    mut left: &[&'a Value],
    mut right: &[&'a Value],
    to: &mut Vec<&'a Value>,
) -> Option<()> {
    while let ([first_left, rest_left @ ..], [first_right, rest_right @ ..]) = (left, right) {
        if compare(first_right, first_left)? == Ordering::Less {
            to.push(first_right);
            right = rest_right;
        } else {
            to.push(first_left);
            left = rest_left;
        }
    }
    to.extend_from_slice(left);
    to.extend_from_slice(right);
    Some(())
}

/// `abs(a - b)` compared with `tolerance`, in Python's arithmetic; `None` where it would raise.
pub(crate) fn compare_distance(
    a: Number<'_>,
    b: Number<'_>,
    tolerance: Number<'_>,
) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (exact_int(a), exact_int(b)) {
        let distance = (a - b).abs();
        return compare_numbers(Number::Big(&distance), tolerance);
    }
    let distance = (as_float(a)? - as_float(b)?).abs();
    compare_numbers(Number::Float(distance), tolerance)
}

fn exact_int(number: Number<'_>) -> Option<BigInt> {
    match number {
        Number::Int(int) => Some(BigInt::from(int)),
        Number::Big(big) => Some(big.clone()),
        Number::Float(_) => None,
    }
}

/// `float(number)`, rounded to nearest; `None` where Python raises `OverflowError`.
pub(crate) fn as_float(number: Number<'_>) -> Option<f64> {
    match number {
        #[allow(clippy::cast_precision_loss)] // Python rounds the same way
        Number::Int(int) => Some(int as f64),
        Number::Big(big) => num_traits::ToPrimitive::to_f64(big).filter(|float| float.is_finite()),
        Number::Float(float) => Some(float),
    }
}

/// The elements that iterating the value gives; `None` where Python cannot iterate it. The characters of a
/// string are put into `store`.
pub(crate) fn elements<'a>(value: &'a Value, store: &'a mut Vec<Value>) -> Option<Vec<&'a Value>> {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            Some(items.iter().collect())
        }
        Value::Dict(pairs) => Some(pairs.iter().map(|(key, _)| key).collect()),
        Value::Str(text) => {
            store.extend(text.code_points().map(one_character));
            Some(store.iter().collect())
        }
        _ => None,
    }
}

fn one_character(point: u32) -> Value {
    let mut text = Text::default();
    text.push_code_point(point);
    Value::Str(text)
}

/// The number as an index or count, where it is a whole int.
pub(crate) fn small_int(value: &Value) -> Option<i64> {
    match number(value)? {
        Number::Int(int) => Some(int),
        Number::Float(float) => integral(float),
        Number::Big(_) => None,
    }
}
