//! The tokens of a message: how each tag and payload is written and read.

use super::Budget;
use crate::error::DecodeError;
use crate::value::is_generalised_utf8;

/// The kinds of container, by tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A list.
    List = 0x09,
    /// A tuple.
    Tuple = 0x0a,
    /// A dict; its count is of pairs.
    Dict = 0x0b,
    /// A set.
    Set = 0x0c,
    /// A frozenset.
    FrozenSet = 0x0d,
    /// A chain of nodes.
    LinkedList = 0x0e,
    /// A tree of nodes; its count is of slots.
    Tree = 0x0f,
}

const NONE: u8 = 0x00;
const FALSE: u8 = 0x01;
const TRUE: u8 = 0x02;
const INT8: u8 = 0x03;
const INT32: u8 = 0x04;
const INT64: u8 = 0x05;
const BIGINT: u8 = 0x06;
const FLOAT: u8 = 0x07;
const STR: u8 = 0x08;
pub(super) const MISSING: u8 = 0x10;

/// Writes values piece by piece, for encoders that walk something other than a [`Value`].
///
/// A container is its [`open`](Self::open) followed by its elements. Lengths above 2³² − 1 are written
/// as that, which no decoder accepts.
#[derive(Debug)]
pub struct Writer<'a>(pub &'a mut Vec<u8>);

impl Writer<'_> {
    /// `None`.
    pub fn none(&mut self) {
        self.0.push(NONE);
    }

    /// A bool.
    pub fn bool(&mut self, truth: bool) {
        self.0.push(if truth { TRUE } else { FALSE });
    }

    /// An int of 64 bits.
    pub fn int(&mut self, int: i64) {
        if let Ok(small) = i8::try_from(int) {
            self.0.extend_from_slice(&[INT8, small.to_le_bytes()[0]]);
        } else if let Ok(middle) = i32::try_from(int) {
            self.0.push(INT32);
            self.0.extend_from_slice(&middle.to_le_bytes());
        } else {
            self.0.push(INT64);
            self.0.extend_from_slice(&int.to_le_bytes());
        }
    }

    /// An int outside 64 bits, as two's complement, little-endian; needless last bytes are dropped.
    pub fn bigint(&mut self, mut bytes: &[u8]) {
        while let [head @ .., last] = bytes {
            if !is_needless(head, *last) {
                break;
            }
            bytes = head;
        }
        self.0.push(BIGINT);
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// A float.
    pub fn float(&mut self, float: f64) {
        self.0.push(FLOAT);
        self.0.extend_from_slice(&float.to_bits().to_le_bytes());
    }

    /// A string in generalised UTF-8.
    pub fn str(&mut self, utf8: &[u8]) {
        self.0.push(STR);
        self.length(utf8.len());
        self.0.extend_from_slice(utf8);
    }

    /// The head of a container. Gives the place of its count for [`set_count`](Self::set_count).
    pub fn open(&mut self, kind: Kind, count: usize) -> usize {
        self.0.push(kind as u8);
        let place = self.0.len();
        self.length(count);
        place
    }

    /// Corrects a count that was not known when the container was opened.
    pub fn set_count(&mut self, place: usize, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.0[place..place + 4].copy_from_slice(&count.to_le_bytes());
    }

    /// A tree slot without a node.
    pub fn missing(&mut self) {
        self.0.push(MISSING);
    }

    fn length(&mut self, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
    }
}

/// Whether `last` only repeats the sign of the two's complement number `head`.
fn is_needless(head: &[u8], last: u8) -> bool {
    head.last().is_some_and(|byte| match last {
        0x00 => byte & 0x80 == 0,
        0xff => byte & 0x80 != 0,
        _ => false,
    })
}

/// One step of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// `None`.
    None,
    /// A bool.
    Bool(bool),
    /// An int of 64 bits.
    Int(i64),
    /// Two's complement bytes of an int outside 64 bits.
    BigInt(&'a [u8]),
    /// A float.
    Float(f64),
    /// Well-formed generalised UTF-8.
    Str(&'a [u8]),
    /// A container and its count; its elements follow.
    Open(Kind, usize),
    /// A tree slot without a node.
    Missing,
}

/// Reads a message token by token within a budget. What it does not check: depth, hashability,
/// distinctness, and where [`Token::Missing`] stands.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    elements_left: usize,
    max_elements: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    ///
    /// # Errors
    /// The message is over the byte budget, or no element is allowed at all.
    pub fn new(bytes: &'a [u8], budget: &Budget) -> Result<Self, DecodeError> {
        let limit = budget.max_bytes;
        if bytes.len() > limit {
            let bytes = bytes.len();
            return Err(DecodeError::TooLarge { bytes, limit });
        }
        let max_elements = budget.max_elements;
        let Some(elements_left) = max_elements.checked_sub(1) else {
            return Err(DecodeError::TooManyElements { at: 0, limit: 0 });
        };
        Ok(Self {
            bytes,
            at: 0,
            elements_left,
            max_elements,
        })
    }

    /// Offset of the next byte.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The next token.
    ///
    /// # Errors
    /// Any [`DecodeError`] of a single token.
    pub fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        let at = self.at;
        let [tag] = self.array()?;
        Ok(match tag {
            NONE => Token::None,
            FALSE => Token::Bool(false),
            TRUE => Token::Bool(true),
            INT8 => Token::Int(i64::from(i8::from_le_bytes(self.array()?))),
            INT32 => {
                let int = i32::from_le_bytes(self.array()?);
                canonical(at, "an int", i8::try_from(int).is_err())?;
                Token::Int(i64::from(int))
            }
            INT64 => {
                let int = i64::from_le_bytes(self.array()?);
                canonical(at, "an int", i32::try_from(int).is_err())?;
                Token::Int(int)
            }
            BIGINT => {
                let length = self.length()?;
                let bytes = self.take(length)?;
                let shortest = match bytes {
                    [head @ .., last] => head.len() >= 8 && !is_needless(head, *last),
                    [] => false,
                };
                canonical(at, "a big int", shortest)?;
                Token::BigInt(bytes)
            }
            FLOAT => {
                let float = f64::from_bits(u64::from_le_bytes(self.array()?));
                Token::Float(if float.is_nan() { f64::NAN } else { float })
            }
            STR => {
                let length = self.length()?;
                let at = self.at;
                let bytes = self.take(length)?;
                if !is_generalised_utf8(bytes) {
                    return Err(DecodeError::BadText { at });
                }
                Token::Str(bytes)
            }
            MISSING => Token::Missing,
            _ => self.open(at, tag)?,
        })
    }

    fn open(&mut self, at: usize, tag: u8) -> Result<Token<'a>, DecodeError> {
        let (kind, per_count) = match tag {
            0x09 => (Kind::List, 1),
            0x0a => (Kind::Tuple, 1),
            0x0b => (Kind::Dict, 2),
            0x0c => (Kind::Set, 1),
            0x0d => (Kind::FrozenSet, 1),
            0x0e => (Kind::LinkedList, 1),
            0x0f => (Kind::Tree, 1),
            _ => return Err(DecodeError::UnexpectedTag { at, tag }),
        };
        let count = self.length()?;
        let elements = count.saturating_mul(per_count);
        let rest = self.bytes.len() - self.at;
        if elements > rest {
            let needed = elements - rest;
            return Err(DecodeError::Truncated { at, needed });
        }
        let Some(left) = self.elements_left.checked_sub(elements) else {
            let limit = self.max_elements;
            return Err(DecodeError::TooManyElements { at, limit });
        };
        self.elements_left = left;
        Ok(Token::Open(kind, count))
    }

    /// Confirms that nothing follows.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`].
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            count => Err(DecodeError::Trailing { at: self.at, count }),
        }
    }

    fn length(&mut self) -> Result<usize, DecodeError> {
        let length = u32::from_le_bytes(self.array()?);
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let rest = &self.bytes[self.at..];
        if length > rest.len() {
            let needed = length - rest.len();
            return Err(DecodeError::Truncated {
                at: self.at,
                needed,
            });
        }
        self.at += length;
        Ok(&rest[..length])
    }
}

pub(super) fn canonical(
    at: usize,
    what: &'static str,
    is_canonical: bool,
) -> Result<(), DecodeError> {
    if is_canonical {
        Ok(())
    } else {
        Err(DecodeError::NotCanonical { at, what })
    }
}
