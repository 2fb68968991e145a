//! The bytes in which values travel: call arguments to a rollout's process, claims back from it.
//!
//! It refuses to be anything but data: no names, no references, no code. The decoder treats its input
//! as hostile: it allocates only what the remaining bytes and the element budget justify.
//!
//! # Format
//!
//! One value is a tag byte and its payload; all numbers are little-endian. A message is exactly one
//! value. Every value has one encoding (NaN, sets and dicts aside: sets and dicts keep their order).
//!
//! | tag | value | payload |
//! |---|---|---|
//! | `00` | None | |
//! | `01` / `02` | False / True | |
//! | `03` | int in −2⁷..2⁷ | i8 |
//! | `04` | int in −2³¹..2³¹, not in the range above | i32 |
//! | `05` | int in −2⁶³..2⁶³, not in the ranges above | i64 |
//! | `06` | any other int | u32 length n, then n bytes of two's complement, the fewest possible |
//! | `07` | float | IEEE 754 binary64; every NaN decodes to the same quiet NaN |
//! | `08` | str | u32 length in bytes, then generalised UTF-8 (as Python's `surrogatepass`) |
//! | `09` | list | u32 count, then that many values |
//! | `0a` | tuple | as list |
//! | `0b` | dict | u32 count of pairs, then key, value, key, value, … |
//! | `0c` | set | as list; elements hashable and distinct, as for dict keys |
//! | `0d` | frozenset | as set |
//! | `0e` | chain of `ListNode` | u32 count ≥ 1, then the node values from the head on |
//! | `0f` | `TreeNode` tree | u32 count of slots ≥ 1, then per slot a value or tag `10` for "no child" |
//! | `10` | no child | only as a tree slot |
//!
//! A tree's slots are in the order of [`Value::Tree`]: slot 0 is the root's value; slots 2k+1 and
//! 2k+2 belong to the k-th present node; the last slot is present.
//!
//! The element budget counts every value of the message, the outermost and every tree slot included.
//! The depth budget counts the containers around a value, itself included: a list of ints has depth 1.

mod wire;

use num_bigint::BigInt;

use crate::equality::{Unhashable, all_distinct};
use crate::error::DecodeError;
use crate::value::{MAX_DEPTH, Text, Value};
pub use wire::{Kind, Reader, Token, Writer};
use wire::{MISSING, canonical};

/// What one decoded message may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Length of the message, in bytes.
    pub max_bytes: usize,
    /// Nesting of containers; above [`MAX_DEPTH`] it counts as that.
    pub max_depth: usize,
    /// Number of values.
    pub max_elements: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            max_bytes: 16 << 20,
            max_depth: MAX_DEPTH,
            max_elements: 1_000_000,
        }
    }
}

/// Frozensets inside frozensets: each level is hashed again by the next, so few are let through.
const MAX_FROZENSET_DEPTH: usize = 16;

/// Appends the encoding of `value`.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    let mut writer = Writer(out);
    match value {
        Value::None => writer.none(),
        Value::Bool(truth) => writer.bool(*truth),
        Value::Int(int) => writer.int(*int),
        Value::BigInt(big) => writer.bigint(&big.to_signed_bytes_le()),
        Value::Float(float) => writer.float(*float),
        Value::Str(text) => writer.str(text.as_bytes()),
        Value::List(items) => encode_items(Kind::List, items, out),
        Value::Tuple(items) => encode_items(Kind::Tuple, items, out),
        Value::Set(items) => encode_items(Kind::Set, items, out),
        Value::FrozenSet(items) => encode_items(Kind::FrozenSet, items, out),
        Value::LinkedList(items) => encode_items(Kind::LinkedList, items, out),
        Value::Dict(pairs) => {
            writer.open(Kind::Dict, pairs.len());
            for (key, value) in pairs {
                encode(key, out);
                encode(value, out);
            }
        }
        Value::Tree(slots) => {
            writer.open(Kind::Tree, slots.len());
            for slot in slots {
                match slot {
                    Some(value) => encode(value, out),
                    None => Writer(out).missing(),
                }
            }
        }
    }
}

fn encode_items(kind: Kind, items: &[Value], out: &mut Vec<u8>) {
    Writer(out).open(kind, items.len());
    for item in items {
        encode(item, out);
    }
}

/// Reads a message that is exactly one value.
///
/// # Errors
/// The first [`DecodeError`] met; no partial value is given.
pub fn decode(bytes: &[u8], budget: &Budget) -> Result<Value, DecodeError> {
    let mut decoder = Decoder {
        reader: Reader::new(bytes, budget)?,
        max_depth: budget.max_depth.min(MAX_DEPTH),
        frozensets: 0,
    };
    let value = decoder.value(0)?;
    decoder.reader.finish()?;
    Ok(value)
}

struct Decoder<'a> {
    reader: Reader<'a>,
    max_depth: usize,
    frozensets: usize,
}

impl Decoder<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let at = self.reader.offset();
        match self.slot(depth)? {
            Some(value) => Ok(value),
            None => Err(DecodeError::UnexpectedTag { at, tag: MISSING }),
        }
    }

    /// A value, or `None` for a missing tree node.
    fn slot(&mut self, depth: usize) -> Result<Option<Value>, DecodeError> {
        let at = self.reader.offset();
        Ok(Some(match self.reader.token()? {
            Token::None => Value::None,
            Token::Bool(truth) => Value::Bool(truth),
            Token::Int(int) => Value::Int(int),
            Token::BigInt(bytes) => Value::BigInt(Box::new(BigInt::from_signed_bytes_le(bytes))),
            Token::Float(float) => Value::Float(float),
            Token::Str(bytes) => {
                Value::Str(Text::from_bytes(bytes.to_vec()).ok_or(DecodeError::BadText { at })?)
            }
            Token::Missing => return Ok(None),
            Token::Open(kind, count) => self.container(at, kind, count, depth + 1)?,
        }))
    }

    fn container(
        &mut self,
        at: usize,
        kind: Kind,
        count: usize,
        depth: usize,
    ) -> Result<Value, DecodeError> {
        if depth > self.max_depth {
            let limit = self.max_depth;
            return Err(DecodeError::TooDeep { at, limit });
        }
        match kind {
            Kind::List => Ok(Value::List(self.items(count, depth)?)),
            Kind::Tuple => Ok(Value::Tuple(self.items(count, depth)?)),
            Kind::LinkedList => {
                canonical(at, "an empty chain", count > 0)?;
                Ok(Value::LinkedList(self.items(count, depth)?))
            }
            Kind::Tree => self.tree(at, count, depth),
            Kind::Set => {
                let items = self.items(count, depth)?;
                check_distinct(at, items.iter())?;
                Ok(Value::Set(items))
            }
            Kind::FrozenSet => {
                self.frozensets += 1;
                if self.frozensets > MAX_FROZENSET_DEPTH {
                    let limit = MAX_FROZENSET_DEPTH;
                    return Err(DecodeError::TooDeep { at, limit });
                }
                let items = self.items(count, depth)?;
                self.frozensets -= 1;
                check_distinct(at, items.iter())?;
                Ok(Value::FrozenSet(items))
            }
            Kind::Dict => {
                let mut pairs = Vec::with_capacity(count);
                for _ in 0..count {
                    pairs.push((self.value(depth)?, self.value(depth)?));
                }
                check_distinct(at, pairs.iter().map(|(key, _)| key))?;
                Ok(Value::Dict(pairs))
            }
        }
    }

    fn items(&mut self, count: usize, depth: usize) -> Result<Vec<Value>, DecodeError> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Ok(items)
    }

    fn tree(&mut self, at: usize, count: usize, depth: usize) -> Result<Value, DecodeError> {
        let mut slots = Vec::with_capacity(count);
        let mut nodes = 0;
        for index in 0_usize..count {
            let has_parent = index == 0 || (index - 1) / 2 < nodes;
            canonical(at, "a tree", has_parent)?;
            let slot = self.slot(depth)?;
            nodes += usize::from(slot.is_some());
            slots.push(slot);
        }
        let ends_in_node = slots.last().is_some_and(Option::is_some);
        canonical(at, "a tree", ends_in_node && slots[0].is_some())?;
        Ok(Value::Tree(slots))
    }
}

fn check_distinct<'a>(
    at: usize,
    items: impl ExactSizeIterator<Item = &'a Value>,
) -> Result<(), DecodeError> {
    match all_distinct(items) {
        Ok(true) => Ok(()),
        Ok(false) => Err(DecodeError::Duplicate { at }),
        Err(Unhashable(type_name)) => Err(DecodeError::Unhashable { at, type_name }),
    }
}
