//! Wrong values that look like the right one, for the process that may see an expected value.
//!
//! A decoy tells nothing that the expected type and rough shape do not tell, and it is never equal to the
//! expected value, so an object that compares equal to it is rigged or wrong.

use num_bigint::BigInt;

use crate::value::{Text, Value, python_eq};

/// Two values of the expected value's type and similar shape, unequal to it and, where the type has that many
/// values, to each other. A bool has one other value, given twice; `None` has none, and gives the ints 1 and 2.
/// The same input always gives the same pair.
#[must_use]
pub fn decoys(expected: &Value) -> [Value; 2] {
    let mut found: Vec<Value> = Vec::with_capacity(2);
    for variant in 0..MAX_VARIANTS {
        let candidate = altered(expected, variant);
        let is_new = |other: &Value| !python_eq(&candidate, other);
        if is_new(expected) && found.iter().all(is_new) {
            found.push(candidate);
        }
        if found.len() == 2 {
            break;
        }
    }
    let first = found.first().cloned().unwrap_or(Value::Int(1));
    let second = found.get(1).unwrap_or(&first).clone();
    [first, second]
}

/// Every type but bool gives two unequal values within this many variants.
const MAX_VARIANTS: u32 = 6;

fn altered(value: &Value, variant: u32) -> Value {
    match value {
        Value::None => Value::Int(i64::from(variant) + 1),
        Value::Bool(truth) => Value::Bool(!truth),
        Value::Int(int) => Value::from_bigint(BigInt::from(*int) + variant + 1_u32),
        Value::BigInt(big) => Value::from_bigint(big.as_ref() + variant + 1_u32),
        Value::Float(float) => Value::Float(altered_float(*float, variant)),
        Value::Str(text) => Value::Str(altered_text(text, variant)),
        Value::List(items) => Value::List(altered_items(items, variant)),
        Value::Tuple(items) => Value::Tuple(altered_items(items, variant)),
        Value::LinkedList(items) => Value::LinkedList(altered_items(items, variant)),
        Value::Set(items) => altered_set(items, variant, Value::set),
        Value::FrozenSet(items) => altered_set(items, variant, Value::frozenset),
        Value::Dict(pairs) => altered_dict(pairs, variant),
        Value::Tree(slots) => altered_tree(slots, variant),
    }
}

fn altered_float(float: f64, variant: u32) -> f64 {
    let step = f64::from(variant) + 1.0;
    if !float.is_finite() {
        return step;
    }
    let moved = float + step;
    let is_lost = (moved - float).abs() < 0.5; // beyond 2^53 a step of 1 rounds away
    if is_lost { float / (step + 1.0) } else { moved }
}

/// Another text of the same length; one or two letters for the empty one.
fn altered_text(text: &Text, variant: u32) -> Text {
    let letters = ["a", "b", "c", "d", "e", "f"];
    let letter = letters[variant as usize % letters.len()];
    let mut points = text.code_points();
    points.next();
    let mut changed = Text::from(letter);
    for point in points {
        changed.push_code_point(point);
    }
    changed
}

/// The variants change the first element, then also the last; a list of bools then grows.
fn altered_items(items: &[Value], variant: u32) -> Vec<Value> {
    let mut changed = items.to_vec();
    match items {
        [] => changed.push(Value::Int(i64::from(variant))),
        [.., last] if variant >= 4 => changed.push(last.clone()),
        [first, .., last] if variant >= 2 => {
            changed[0] = altered(first, variant);
            changed[items.len() - 1] = altered(last, variant);
        }
        [first, ..] => changed[0] = altered(first, variant),
    }
    changed
}

fn altered_set(
    items: &[Value],
    variant: u32,
    make: impl Fn(Vec<Value>) -> Result<Value, crate::equality::Unhashable>,
) -> Value {
    let grown = Value::Int(i64::from(variant));
    let changed = make(if variant < 4 {
        altered_items(items, variant)
    } else {
        [items, std::slice::from_ref(&grown)].concat()
    });
    changed.unwrap_or_else(|_| Value::Set(vec![grown]))
}

/// The variants change the first key's value, then the key.
fn altered_dict(pairs: &[(Value, Value)], variant: u32) -> Value {
    let mut changed = pairs.to_vec();
    match pairs {
        [] => changed.push((Value::Int(i64::from(variant)), Value::Int(0))),
        [(_, value), ..] if variant < 2 => changed[0].1 = altered(value, variant),
        [(key, _), ..] => changed[0].0 = altered(key, variant),
    }
    let grown = Value::Int(i64::from(variant));
    Value::dict(changed).unwrap_or_else(|_| Value::Dict(vec![(grown, Value::Int(0))]))
}

fn altered_tree(slots: &[Option<Value>], variant: u32) -> Value {
    let mut changed = slots.to_vec();
    match changed.first_mut() {
        Some(Some(root)) if variant < 4 => *root = altered(root, variant),
        _ => changed.push(Some(Value::Int(i64::from(variant)))),
    }
    Value::Tree(changed)
}
