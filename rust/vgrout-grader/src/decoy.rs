//! Wrong values that look like the right one, for the process that may see an expected value.
//!
//! A decoy tells nothing that the expected type and rough shape do not tell, and it is never equal to the
//! expected value, so an object that compares equal to it is rigged or wrong.

use crate::equality::Unhashable;
use crate::value::{Text, Value, python_eq};

/// Two values of the expected value's type and similar shape, unequal to it and, where the type has that many
/// values, to each other. A bool has one other value, beside which stands an int, so that no plain number equals both;
/// `None` has none, and gives the ints 1 and 2.
/// The same input always gives the same pair.
#[must_use]
pub fn decoys(expected: &Value) -> [Value; 2] {
    let mut found: Vec<Value> = Vec::with_capacity(2);
    for variant in 0..MAX_VARIANTS {
        let candidate = blank(expected, variant);
        let is_new = |other: &Value| !python_eq(&candidate, other);
        if is_new(expected) && found.iter().all(is_new) {
            found.push(candidate);
        }
        if found.len() == 2 {
            break;
        }
    }
    let first = found.first().cloned().unwrap_or(Value::Int(1));
    let second = found.get(1).cloned().unwrap_or(Value::Int(7_001));
    [first, second]
}

/// Every type but bool gives two unequal values within this many variants.
const MAX_VARIANTS: u32 = 6;

/// The same type and shape with every part replaced; later variants of a container also grow.
fn blank(value: &Value, variant: u32) -> Value {
    let grown = Value::Int(i64::from(variant));
    let longer = variant >= GROWN_VARIANT;
    match (Blank { variant, place: 0 }).value(value) {
        Value::None => Value::Int(i64::from(variant) + 1),
        Value::List(items) => Value::List(with(items, grown, longer)),
        Value::Tuple(items) => Value::Tuple(with(items, grown, longer)),
        Value::LinkedList(items) => Value::LinkedList(with(items, grown, longer)),
        Value::Tree(slots) => Value::Tree(with(slots, Some(grown), longer)),
        Value::Set(items) => set_of(with(items, grown, longer), Value::set),
        Value::FrozenSet(items) => set_of(with(items, grown, longer), Value::frozenset),
        Value::Dict(pairs) => dict_of(with(pairs, (grown, Value::Int(0)), longer)),
        plain => plain,
    }
}

/// The first variant that has one element more: a list of bools has no two others of its length.
const GROWN_VARIANT: u32 = 4;

fn with<T>(mut items: Vec<T>, grown: T, longer: bool) -> Vec<T> {
    if longer || items.is_empty() {
        items.push(grown);
    }
    items
}

fn set_of(items: Vec<Value>, make: fn(Vec<Value>) -> Result<Value, Unhashable>) -> Value {
    // Parts keep their types, so what could be hashed still can.
    make(items).unwrap_or(Value::None)
}

fn dict_of(pairs: Vec<(Value, Value)>) -> Value {
    Value::dict(pairs).unwrap_or(Value::None)
}

/// Numbers the parts, so that those of one set or dict differ.
struct Blank {
    variant: u32,
    place: u32,
}

impl Blank {
    fn value(&mut self, value: &Value) -> Value {
        self.place += 1;
        let number = 7_001 * (i64::from(self.variant) + 1) + i64::from(self.place);
        match value {
            Value::None => Value::None,
            Value::Bool(_) => Value::Bool(number % 2 == 0),
            Value::Int(_) | Value::BigInt(_) => Value::Int(number),
            Value::Float(_) => Value::Float(f64::from(self.place) + f64::from(self.variant) / 8.0),
            Value::Str(text) => Value::Str(letters(text.code_points().count(), number)),
            Value::List(items) => Value::List(self.items(items)),
            Value::Tuple(items) => Value::Tuple(self.items(items)),
            Value::LinkedList(items) => Value::LinkedList(self.items(items)),
            Value::Set(items) => set_of(self.items(items), Value::set),
            Value::FrozenSet(items) => set_of(self.items(items), Value::frozenset),
            Value::Dict(pairs) => {
                let pairs = pairs.iter();
                dict_of(
                    pairs
                        .map(|(key, value)| (self.value(key), self.value(value)))
                        .collect(),
                )
            }
            Value::Tree(slots) => {
                let slot = |slot: &Option<Value>| slot.as_ref().map(|value| self.value(value));
                Value::Tree(slots.iter().map(slot).collect())
            }
        }
    }

    fn items(&mut self, items: &[Value]) -> Vec<Value> {
        items.iter().map(|item| self.value(item)).collect()
    }
}

/// A text of that length, of one letter at least.
fn letters(length: usize, number: i64) -> Text {
    let letter = char::from(b'a' + u8::try_from(number.rem_euclid(26)).unwrap_or(0));
    Text::from(letter.to_string().repeat(length.max(1)))
}
