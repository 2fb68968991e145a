//! What a test says about a returned value, judged on the decoded claim.
//!
//! A check follows Python's meaning of the assert it came from; where Python would raise, it does not hold.

use crate::equality::{Number, number, python_eq, same_set};
use crate::ordering::{as_float, compare_distance, compare_numbers, elements, python_sorted};
use crate::value::Value;

/// The right side of `is`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Singleton {
    /// `None`.
    None,
    /// `True`.
    True,
    /// `False`.
    False,
}

/// One claim's condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// `claim == value`.
    Equals(Value),
    /// `claim is None` (or True, False).
    Is(Singleton),
    /// `claim in container`.
    In(Value),
    /// `value in claim`.
    Contains(Value),
    /// `assert claim` (true) or `assert not claim` (false): Python's truth of the claim.
    Truthy(bool),
    /// `abs(claim - expected) < tolerance`, or `<=` where not strict.
    Close {
        /// The number aimed at.
        expected: Value,
        /// How far off it may be.
        tolerance: Value,
        /// `<` rather than `<=`.
        strict: bool,
    },
    /// `math.isclose(claim, expected, rel_tol=…, abs_tol=…)`.
    IsClose {
        /// The number aimed at.
        expected: f64,
        /// Tolerance relative to the larger magnitude.
        rel_tol: f64,
        /// Absolute tolerance.
        abs_tol: f64,
    },
    /// `sorted(claim) == list`.
    Sorted(Value),
    /// `set(claim) == set`.
    SetOf(Value),
    /// `len(claim) == n`.
    Len(i64),
    /// `is_same_list(claim, list)`: both chains, or both `None`; any other claim counts as raising.
    SameList(Value),
    /// `is_same_tree(claim, tree)`: both trees, or both `None`; any other claim counts as raising.
    SameTree(Value),
    /// The opposite; still false where Python would raise.
    Not(Box<Check>),
}

impl Check {
    /// Whether the assert would pass with this value.
    #[must_use]
    pub fn holds(&self, claim: &Value) -> bool {
        self.outcome(claim) == Some(true)
    }

    /// The value that the test expects, where it names one of the claim's own kind.
    #[must_use]
    pub fn expected(&self) -> Option<&Value> {
        match self {
            Self::Equals(value)
            | Self::Sorted(value)
            | Self::SetOf(value)
            | Self::SameList(value)
            | Self::SameTree(value)
            | Self::Close {
                expected: value, ..
            } => Some(value),
            _ => None,
        }
    }

    /// `None` where Python would raise.
    fn outcome(&self, claim: &Value) -> Option<bool> {
        match self {
            Self::Equals(value) => Some(python_eq(claim, value)),
            Self::Is(singleton) => Some(match claim {
                Value::None => *singleton == Singleton::None,
                Value::Bool(true) => *singleton == Singleton::True,
                Value::Bool(false) => *singleton == Singleton::False,
                _ => false,
            }),
            Self::In(container) => contains(container, claim),
            Self::Contains(value) => contains(claim, value),
            Self::Truthy(truth) => Some(claim.is_truthy() == *truth),
            Self::Close {
                expected,
                tolerance,
                strict,
            } => {
                let (a, b, tolerance) = (number(claim)?, number(expected)?, number(tolerance)?);
                let order = compare_distance(a, b, tolerance);
                Some(order.is_some_and(|order| order.is_lt() || (!strict && order.is_eq())))
            }
            Self::IsClose {
                expected,
                rel_tol,
                abs_tol,
            } => {
                let claim = as_float(number(claim)?)?;
                Some(is_close(claim, *expected, *rel_tol, *abs_tol))
            }
            Self::Sorted(list) => sorted_equals(claim, list),
            Self::SetOf(set) => set_of_equals(claim, set),
            Self::Len(length) => Some(i64::try_from(length_of(claim)?).ok()? == *length),
            Self::SameList(expected) => match claim {
                Value::None | Value::LinkedList(_) => Some(python_eq(claim, expected)),
                _ => None,
            },
            Self::SameTree(expected) => match claim {
                Value::None | Value::Tree(_) => Some(python_eq(claim, expected)),
                _ => None,
            },
            Self::Not(check) => check.outcome(claim).map(|holds| !holds),
        }
    }
}

fn sorted_equals(claim: &Value, list: &Value) -> Option<bool> {
    let mut store = Vec::new();
    let sorted = python_sorted(elements(claim, &mut store)?)?;
    let Value::List(expected) = list else {
        return Some(false);
    };
    let same_length = sorted.len() == expected.len();
    Some(same_length && sorted.iter().zip(expected).all(|(a, b)| python_eq(a, b)))
}

fn set_of_equals(claim: &Value, set: &Value) -> Option<bool> {
    let mut store = Vec::new();
    let items = elements(claim, &mut store)?;
    match set {
        Value::Set(expected) | Value::FrozenSet(expected) => same_set(&items, expected).ok(),
        _ => Some(false),
    }
}

fn length_of(value: &Value) -> Option<usize> {
    match value {
        Value::Str(text) => Some(text.char_count()),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            Some(items.len())
        }
        Value::Dict(pairs) => Some(pairs.len()),
        _ => None,
    }
}

/// Python's `value in container`.
fn contains(container: &Value, value: &Value) -> Option<bool> {
    match container {
        Value::List(items) | Value::Tuple(items) => {
            Some(items.iter().any(|item| python_eq(item, value)))
        }
        Value::Set(items) | Value::FrozenSet(items) => {
            let is_hashable = matches!(value, Value::Set(_)) || hashable(value);
            is_hashable.then(|| items.iter().any(|item| python_eq(item, value)))
        }
        Value::Dict(pairs) => {
            hashable(value).then(|| pairs.iter().any(|(key, _)| python_eq(key, value)))
        }
        Value::Str(text) => match value {
            Value::Str(part) => Some(has_substring(text.as_bytes(), part.as_bytes())),
            _ => None,
        },
        _ => None,
    }
}

fn hashable(value: &Value) -> bool {
    match value {
        Value::Tuple(items) => items.iter().all(hashable),
        Value::List(_) | Value::Dict(_) | Value::Set(_) => false,
        _ => true,
    }
}

/// Substring search in linear time; the encoding is self-synchronising, so bytes suffice.
fn has_substring(text: &[u8], part: &[u8]) -> bool {
    if let (Ok(text), Ok(part)) = (std::str::from_utf8(text), std::str::from_utf8(part)) {
        return text.contains(part);
    }
    let latin = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>();
    latin(text).contains(&latin(part))
}

/// Python's `math.isclose`.
#[allow(clippy::float_cmp)] // equal infinities are close
fn is_close(a: f64, b: f64, rel_tol: f64, abs_tol: f64) -> bool {
    if a == b {
        return true;
    }
    if a.is_infinite() || b.is_infinite() {
        return false;
    }
    let distance = (b - a).abs();
    distance <= (rel_tol * b).abs() || distance <= (rel_tol * a).abs() || distance <= abs_tol
}

/// `sorted(list)` of a literal; `None` where Python could not sort it.
pub(crate) fn sorted_literal(items: &[Value]) -> Option<Value> {
    let sorted = python_sorted(items.iter().collect())?;
    Some(Value::List(sorted.into_iter().cloned().collect()))
}

/// Whether `tolerance` is a number that some distance can be below.
pub(crate) fn is_tolerance(tolerance: &Value) -> bool {
    let zero = Number::Int(0);
    number(tolerance).is_some_and(|tolerance| {
        compare_numbers(tolerance, zero).is_some_and(std::cmp::Ordering::is_ge)
    })
}
