//! The values that cross the border between the grader and a rollout's process.
//!
//! A [`Value`] is data only: it holds no code, no identity and no subclass, so comparing two of
//! them cannot run anything that a rollout wrote. Anything without a variant here is refused where
//! it is met, never approximated.

use std::fmt;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

pub use crate::equality::python_eq;
use crate::equality::{self, Unhashable};

/// How deep containers may nest in anything that a parser or the decoder lets through.
pub const MAX_DEPTH: usize = 512;

/// One Python value.
///
/// `PartialEq` is structural (`Int(1) != Bool(true)`, order matters in a dict) and meant for tests
/// of this crate; a verdict uses [`python_eq`]. Elements of sets and keys of dicts are hashable and
/// distinct in everything that this crate's parsers, decoder and constructors make.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// An integer outside the 64-bit range; [`Value::from_bigint`] keeps it so.
    BigInt(Box<BigInt>),
    /// A float, NaN included.
    Float(f64),
    /// A string.
    Str(Text),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dict, in insertion order.
    Dict(Vec<(Value, Value)>),
    /// A set.
    Set(Vec<Value>),
    /// A frozenset.
    FrozenSet(Vec<Value>),
    /// A chain of `ListNode`, at least one; the empty list is [`Value::None`].
    LinkedList(Vec<Value>),
    /// A `TreeNode` and what hangs from it, in the order that the helper `tree_node` reads: slot 0 is
    /// the root, slots 2k+1 and 2k+2 are the children of the k-th *present* node, `None` is no child,
    /// and the last slot is present. The empty tree is [`Value::None`].
    Tree(Vec<Option<Value>>),
}

impl Value {
    /// The name that Python's `type(value).__name__` gives.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::LinkedList(_) => "ListNode",
            Self::Tree(_) => "TreeNode",
        }
    }

    /// Python's `bool(value)`; a node is true.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.as_bytes().is_empty(),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                !items.is_empty()
            }
            Self::Dict(pairs) => !pairs.is_empty(),
            Self::BigInt(_) | Self::LinkedList(_) | Self::Tree(_) => true,
        }
    }

    /// An integer in its one form: [`Value::Int`] where it fits.
    #[must_use]
    pub fn from_bigint(number: BigInt) -> Self {
        number
            .to_i64()
            .map_or_else(|| Self::BigInt(Box::new(number)), Self::Int)
    }

    /// `set(items)`: the first of equal elements stays.
    ///
    /// # Errors
    /// The type that Python cannot hash.
    pub fn set(items: Vec<Self>) -> Result<Self, Unhashable> {
        equality::distinct(items).map(Self::Set)
    }

    /// `frozenset(items)`: the first of equal elements stays.
    ///
    /// # Errors
    /// The type that Python cannot hash.
    pub fn frozenset(items: Vec<Self>) -> Result<Self, Unhashable> {
        equality::distinct(items).map(Self::FrozenSet)
    }

    /// A dict display: of equal keys the first stays, with the last value.
    ///
    /// # Errors
    /// The type that Python cannot hash.
    pub fn dict(pairs: Vec<(Self, Self)>) -> Result<Self, Unhashable> {
        equality::last_wins(pairs).map(Self::Dict)
    }

    /// What the helper `list_node(values)` builds.
    #[must_use]
    pub fn linked_list(values: Vec<Self>) -> Self {
        if values.is_empty() {
            Self::None
        } else {
            Self::LinkedList(values)
        }
    }

    /// What the helper `tree_node(values)` builds: `None` is no child, and values that no node is
    /// left to hold are ignored.
    #[must_use]
    pub fn tree(values: Vec<Self>) -> Self {
        let mut slots: Vec<Option<Self>> = Vec::with_capacity(values.len());
        let mut nodes = 0;
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 && (index - 1) / 2 >= nodes {
                break;
            }
            let present = index == 0 || value != Self::None;
            nodes += usize::from(present);
            slots.push(present.then_some(value));
        }
        while slots.last().is_some_and(Option::is_none) {
            slots.pop();
        }
        if slots.is_empty() {
            Self::None
        } else {
            Self::Tree(slots)
        }
    }
}

/// Prints the Python expression that [`crate::literal::parse_literal`] reads back. Not invertible: NaN,
/// and a tree node below the root that holds `None`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(truth) => f.write_str(if *truth { "True" } else { "False" }),
            Self::Int(number) => write!(f, "{number}"),
            Self::BigInt(number) => write_bigint(f, number),
            Self::Float(number) if number.is_nan() => f.write_str("float('nan')"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Str(text) => write!(f, "{text}"),
            Self::List(items) => write_items(f, "[", items, "]"),
            Self::Tuple(items) if items.len() == 1 => write_items(f, "(", items, ",)"),
            Self::Tuple(items) => write_items(f, "(", items, ")"),
            Self::Dict(pairs) => {
                f.write_str("{")?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    write!(f, "{key}: {value}")?;
                }
                f.write_str("}")
            }
            Self::Set(items) if items.is_empty() => f.write_str("set()"),
            Self::Set(items) => write_items(f, "{", items, "}"),
            Self::FrozenSet(items) => write_items(f, "frozenset([", items, "])"),
            Self::LinkedList(items) => write_items(f, "list_node([", items, "])"),
            Self::Tree(slots) => {
                f.write_str("tree_node([")?;
                for (index, slot) in slots.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    write!(f, "{}", slot.as_ref().unwrap_or(&Self::None))?;
                }
                f.write_str("])")
            }
        }
    }
}

/// Hexadecimal beyond the digits that Python converts from decimal text (`sys.get_int_max_str_digits`).
fn write_bigint(f: &mut fmt::Formatter<'_>, number: &BigInt) -> fmt::Result {
    if number.bits() > 14_000 {
        write!(f, "{number:#x}")
    } else {
        write!(f, "{number}")
    }
}

fn write_items(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    items: &[Value],
    close: &str,
) -> fmt::Result {
    f.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        write!(f, "{item}")?;
    }
    f.write_str(close)
}

/// A Python string: any sequence of code points, lone surrogates included.
///
/// Held as generalised UTF-8, which is UTF-8 that also encodes U+D800..=U+DFFF in three bytes
/// (Python's `surrogatepass`). One string has one form, and byte order is code-point order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Vec<u8>);

impl Text {
    /// Takes bytes that are generalised UTF-8; `None` where they are not.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        is_generalised_utf8(&bytes).then_some(Self(bytes))
    }

    /// The generalised UTF-8 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, where it holds no surrogate.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Python's `len(text)`.
    #[must_use]
    pub fn char_count(&self) -> usize {
        self.0.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
    }

    /// The code points, in order.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (point, tail) = split_code_point(rest)?;
            rest = tail;
            Some(point)
        })
    }

    /// Appends text.
    pub fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends one code point, a surrogate too; `false`, and nothing appended, above U+10FFFF.
    pub fn push_code_point(&mut self, point: u32) -> bool {
        if let Some(symbol) = char::from_u32(point) {
            self.0
                .extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
            return true;
        }
        if (0xD800..=0xDFFF).contains(&point) {
            let [_, _, high, low] = point.to_be_bytes();
            self.0.extend_from_slice(&[
                0xED,
                0x80 | ((high & 0x0F) << 2) | (low >> 6),
                0x80 | (low & 0x3F),
            ]);
            return true;
        }
        false
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

/// Prints a Python string literal.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for point in self.code_points() {
            match (point, char::from_u32(point)) {
                (0x22 | 0x5C, Some(symbol)) => write!(f, "\\{symbol}")?,
                (0x20..=0x7E, Some(symbol)) => write!(f, "{symbol}")?,
                (0..=0xFF, _) => write!(f, "\\x{point:02x}")?,
                (0x100..=0xFFFF, _) => write!(f, "\\u{point:04x}")?,
                _ => write!(f, "\\U{point:08x}")?,
            }
        }
        f.write_str("\"")
    }
}

/// The first code point of well-formed generalised UTF-8.
fn split_code_point(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let first = *bytes.first()?;
    let (length, mut point) = match first {
        0x00..=0x7F => (1, u32::from(first)),
        0xC0..=0xDF => (2, u32::from(first & 0x1F)),
        0xE0..=0xEF => (3, u32::from(first & 0x0F)),
        _ => (4, u32::from(first & 0x07)),
    };
    for byte in bytes.get(1..length)? {
        point = (point << 6) | u32::from(byte & 0x3F);
    }
    Some((point, &bytes[length..]))
}

/// Whether `bytes` are UTF-8, surrogates allowed, nothing overlong and nothing above U+10FFFF.
#[must_use]
pub fn is_generalised_utf8(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        let Err(error) = std::str::from_utf8(rest) else {
            return true;
        };
        match rest[error.valid_up_to()..] {
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => rest = &rest[error.valid_up_to() + 3..],
            _ => return false,
        }
    }
}
