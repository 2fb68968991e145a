//! Python's `==` and `hash` on [`Value`]s, in time linear in their size.
//!
//! Hashes are keyed afresh in every process, so a rollout cannot prepare collisions. A value that
//! holds NaN equals nothing, itself included, and therefore has no hash.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use num_bigint::BigInt;
use num_traits::FromPrimitive;

use crate::value::Value;

/// The name of a type that Python cannot hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unhashable(pub &'static str);

/// A number of any of Python's three exact types.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number<'a> {
    Int(i64),
    Big(&'a BigInt),
    Float(f64),
}

/// The value as a number; `True` is 1.
pub(crate) fn number(value: &Value) -> Option<Number<'_>> {
    match value {
        Value::Bool(truth) => Some(Number::Int(i64::from(*truth))),
        Value::Int(int) => Some(Number::Int(*int)),
        Value::BigInt(big) => Some(Number::Big(big)),
        Value::Float(float) => Some(Number::Float(*float)),
        _ => None,
    }
}

/// The float as a 64-bit integer, where it is one.
pub(crate) fn integral(float: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63
    #[allow(clippy::cast_possible_truncation)] // integral and in range
    ((-LIMIT..LIMIT).contains(&float) && float.fract() == 0.0).then_some(float as i64)
}

#[allow(clippy::float_cmp)] // exact comparison is the semantics
fn numbers_equal(a: Number<'_>, b: Number<'_>) -> bool {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => a == b,
        (Number::Float(a), Number::Float(b)) => a == b,
        (Number::Big(a), Number::Big(b)) => a == b,
        (Number::Int(int), Number::Float(float)) | (Number::Float(float), Number::Int(int)) => {
            integral(float) == Some(int)
        }
        (Number::Big(big), Number::Float(float)) | (Number::Float(float), Number::Big(big)) => {
            float.fract() == 0.0 && BigInt::from_f64(float).as_ref() == Some(big)
        }
        (Number::Int(int), Number::Big(big)) | (Number::Big(big), Number::Int(int)) => {
            *big == BigInt::from(int)
        }
    }
}

/// Python's `a == b`.
///
/// Numbers compare exactly across types, NaN equals nothing, a list never equals a tuple, a set may
/// equal a frozenset, dicts ignore order. Chains of `ListNode` and trees compare by structure: their
/// classes define no `==`, and identity means nothing across two processes.
#[must_use]
pub fn python_eq(a: &Value, b: &Value) -> bool {
    if let Some(answer) = leaves_equal(a, b) {
        return answer;
    }
    let mut work = vec![(a, b)];
    while let Some((a, b)) = work.pop() {
        if !containers_equal(a, b, &mut work) {
            return false;
        }
    }
    true
}

/// The answer where at least one side is no container.
fn leaves_equal(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a == b),
        (Value::Str(a), Value::Str(b)) => Some(a == b),
        (Value::None, Value::None) => Some(true),
        (Value::None | Value::Str(_), _) | (_, Value::None | Value::Str(_)) => Some(false),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => Some(numbers_equal(a, b)),
            (None, None) => None,
            _ => Some(false),
        },
    }
}

type Pairs<'a> = Vec<(&'a Value, &'a Value)>;

/// Compares one level; nested containers go to `work`.
fn containers_equal<'a>(a: &'a Value, b: &'a Value, work: &mut Pairs<'a>) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b))
        | (Value::Tuple(a), Value::Tuple(b))
        | (Value::LinkedList(a), Value::LinkedList(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal_or_later(a, b, work))
        }
        (Value::Tree(a), Value::Tree(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|slots| match slots {
                    (None, None) => true,
                    (Some(a), Some(b)) => equal_or_later(a, b, work),
                    _ => false,
                })
        }
        (Value::Dict(a), Value::Dict(b)) => dicts_equal(a, b, work),
        (Value::Set(a) | Value::FrozenSet(a), Value::Set(b) | Value::FrozenSet(b)) => {
            sets_equal(a, b)
        }
        _ => false,
    }
}

fn equal_or_later<'a>(a: &'a Value, b: &'a Value, work: &mut Pairs<'a>) -> bool {
    leaves_equal(a, b).unwrap_or_else(|| {
        work.push((a, b));
        true
    })
}

fn dicts_equal<'a>(a: &'a [(Value, Value)], b: &'a [(Value, Value)], work: &mut Pairs<'a>) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ordered = a.iter().zip(b).take_while(|(a, b)| python_eq(&a.0, &b.0));
    let mut common = 0;
    for ((_, a), (_, b)) in ordered {
        common += 1;
        if !equal_or_later(a, b, work) {
            return false;
        }
    }
    let (a, b) = (&a[common..], &b[common..]);
    if a.is_empty() {
        return true;
    }
    let state = RandomState::new();
    let mut table = HashMap::with_capacity(b.len());
    for (key, value) in b {
        let Ok(key) = Key::new(&state, key) else {
            return false;
        };
        table.insert(key, value);
    }
    a.iter().all(|(key, value)| {
        Key::new(&state, key)
            .ok()
            .and_then(|key| table.get(&key).copied())
            .is_some_and(|other| equal_or_later(value, other, work))
    })
}

fn sets_equal(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && same_set(&a.iter().collect::<Vec<_>>(), b) == Ok(true)
}

/// `set(items) == set`.
pub(crate) fn same_set(items: &[&Value], set: &[Value]) -> Result<bool, Unhashable> {
    let state = RandomState::new();
    let mut never_equal = false;
    let mut keys = |item| match Key::new(&state, item) {
        Ok(key) => Some(Ok(key)),
        Err(NoHash::Unhashable(name)) => Some(Err(Unhashable(name))),
        Err(NoHash::NeverEqual) => {
            never_equal = true;
            None
        }
    };
    let a = items
        .iter()
        .filter_map(|item| keys(item))
        .collect::<Result<HashSet<_>, _>>()?;
    let b = set
        .iter()
        .filter_map(keys)
        .collect::<Result<HashSet<_>, _>>()?;
    Ok(!never_equal && a == b)
}

/// Why a value has no hash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoHash {
    /// It holds NaN and equals nothing.
    NeverEqual,
    Unhashable(&'static str),
}

/// A value in a hash table, under Python's equality. Made of values that equal themselves only.
struct Key<'a> {
    hash: u64,
    value: &'a Value,
}

impl<'a> Key<'a> {
    fn new(state: &RandomState, value: &'a Value) -> Result<Self, NoHash> {
        Ok(Self {
            hash: hash_of(state, value)?,
            value,
        })
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && python_eq(self.value, other.value)
    }
}

impl Eq for Key<'_> {}

/// A hash that equal values share. "Unhashable" wins over "never equal".
fn hash_of(state: &RandomState, value: &Value) -> Result<u64, NoHash> {
    Ok(match value {
        Value::None => state.hash_one(0_u8),
        Value::Str(text) => state.hash_one((1_u8, text.as_bytes())),
        Value::Bool(truth) => state.hash_one((2_u8, i64::from(*truth))),
        Value::Int(int) => state.hash_one((2_u8, int)),
        Value::BigInt(big) => state.hash_one((3_u8, big.as_ref())),
        Value::Float(float) => return hash_of_float(state, *float),
        Value::Tuple(items) => {
            let hashes = hashes_of(state, items)?;
            state.hash_one((5_u8, hashes))
        }
        Value::FrozenSet(items) => {
            let hashes = hashes_of(state, items)?;
            let sum = hashes
                .iter()
                .fold(0_u64, |sum, hash| sum.wrapping_add(*hash));
            state.hash_one((6_u8, items.len(), sum))
        }
        _ => return Err(NoHash::Unhashable(value.type_name())),
    })
}

fn hashes_of(state: &RandomState, items: &[Value]) -> Result<Vec<u64>, NoHash> {
    let mut hashes = Vec::with_capacity(items.len());
    let mut never_equal = false;
    for item in items {
        match hash_of(state, item) {
            Ok(hash) => hashes.push(hash),
            Err(NoHash::NeverEqual) => never_equal = true,
            Err(unhashable) => return Err(unhashable),
        }
    }
    if never_equal {
        return Err(NoHash::NeverEqual);
    }
    Ok(hashes)
}

fn hash_of_float(state: &RandomState, float: f64) -> Result<u64, NoHash> {
    if float.is_nan() {
        return Err(NoHash::NeverEqual);
    }
    if let Some(int) = integral(float) {
        return Ok(state.hash_one((2_u8, int)));
    }
    Ok(match BigInt::from_f64(float) {
        Some(big) if float.fract() == 0.0 => state.hash_one((3_u8, &big)),
        _ => state.hash_one((4_u8, float.to_bits())),
    })
}

/// Which positions of `items` hold a value that no earlier position holds.
fn first_positions<'a>(
    items: impl ExactSizeIterator<Item = &'a Value>,
    mut meet: impl FnMut(usize, Option<usize>),
) -> Result<(), Unhashable> {
    let state = RandomState::new();
    let mut seen = HashMap::with_capacity(items.len());
    for (index, item) in items.enumerate() {
        match Key::new(&state, item) {
            Ok(key) => {
                let first = *seen.entry(key).or_insert(index);
                meet(index, (first != index).then_some(first));
            }
            Err(NoHash::NeverEqual) => meet(index, None),
            Err(NoHash::Unhashable(name)) => return Err(Unhashable(name)),
        }
    }
    Ok(())
}

/// Whether all are hashable (`Err` names the type that is not) and no two are equal.
pub(crate) fn all_distinct<'a>(
    items: impl ExactSizeIterator<Item = &'a Value>,
) -> Result<bool, Unhashable> {
    let mut distinct = true;
    first_positions(items, |_, earlier| distinct &= earlier.is_none())?;
    Ok(distinct)
}

/// Keeps the first of equal values.
pub(crate) fn distinct(items: Vec<Value>) -> Result<Vec<Value>, Unhashable> {
    let mut keep = vec![true; items.len()];
    first_positions(items.iter(), |index, earlier| {
        keep[index] = earlier.is_none();
    })?;
    let kept = items.into_iter().zip(keep);
    Ok(kept
        .filter_map(|(item, keep)| keep.then_some(item))
        .collect())
}

/// Keeps the first of equal keys, with the last of their values.
pub(crate) fn last_wins(pairs: Vec<(Value, Value)>) -> Result<Vec<(Value, Value)>, Unhashable> {
    let mut owner: Vec<usize> = (0..pairs.len()).collect();
    first_positions(pairs.iter().map(|(key, _)| key), |index, earlier| {
        owner[index] = earlier.unwrap_or(index);
    })?;
    let mut slots: Vec<Option<(Value, Value)>> = Vec::with_capacity(pairs.len());
    for (index, (key, value)) in pairs.into_iter().enumerate() {
        slots.push(None);
        match &mut slots[owner[index]] {
            Some(pair) => pair.1 = value,
            empty => *empty = Some((key, value)),
        }
    }
    Ok(slots.into_iter().flatten().collect())
}
