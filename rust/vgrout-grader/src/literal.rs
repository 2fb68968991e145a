//! Python literal expressions → [`Value`].
//!
//! Taken: ints, floats, strings without `b` or `f`, `None`, `True`, `False`, lists, tuples, dicts, sets,
//! `set(…)` and `frozenset(…)` of a literal, `inf`, `math.inf`, `float("inf")` in Python's spellings,
//! `list_node([…])`, `tree_node([…])`, signs, parentheses. Refused with their reason: NaN (it equals nothing,
//! so no answer could be right), bytes, complex numbers, f-strings, `\N{…}`. Nothing is evaluated: `2 ** 3` is
//! not a literal.

mod number;
mod string;

use crate::equality::Unhashable;
use crate::error::{LiteralError, shortened};
use crate::value::{MAX_DEPTH, Value};

const A_LITERAL: &str = "a Python literal (number, string, None, True, False, inf, list, tuple, dict, set, \
frozenset(…), list_node([…]), tree_node([…]))";
const NO_NAN: &str = "NaN equals nothing, so no answer could be right";

/// Reads text that is exactly one literal; white space around it is fine.
///
/// # Errors
/// [`LiteralError`] with the byte offset of what is wrong.
pub fn parse_literal(text: &str) -> Result<Value, LiteralError> {
    let mut cursor = Cursor::new(text);
    cursor.brackets = 1; // a whole text may span lines, as if it stood in parentheses
    cursor.skip_space();
    let value = cursor.value(0)?;
    cursor.skip_space();
    if cursor.at < text.len() {
        return Err(cursor.unexpected("the end of the literal"));
    }
    Ok(value)
}

/// A place in Python source.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    pub text: &'a str,
    pub at: usize,
    /// Open brackets around: inside them a newline is white space.
    pub brackets: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            brackets: 0,
        }
    }

    /// The next byte; NUL at the end (NUL is no Python source, so the two need no telling apart).
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.peek_at(0)
    }

    #[inline]
    pub(crate) fn peek_at(&self, ahead: usize) -> u8 {
        let bytes = self.text.as_bytes();
        bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Takes `byte` if it is next.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let is_next = !self.is_at_end() && self.peek() == byte;
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips white space; inside brackets newlines and comments too.
    #[inline]
    pub(crate) fn skip_space(&mut self) {
        if matches!(
            self.peek(),
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'#' | b'\\'
        ) {
            self.skip_all_space();
        }
    }

    fn skip_all_space(&mut self) {
        loop {
            match self.peek() {
                b' ' | b'\t' | b'\x0c' => self.at += 1,
                b'\n' | b'\r' if self.brackets > 0 => self.at += 1,
                b'#' if self.brackets > 0 => {
                    while !self.is_at_end() && self.peek() != b'\n' {
                        self.at += 1;
                    }
                }
                b'\\' if self.peek_at(1) == b'\n' => self.at += 2,
                b'\\' if self.peek_at(1) == b'\r' && self.peek_at(2) == b'\n' => self.at += 3,
                _ => return,
            }
        }
    }

    /// The identifier that begins here; empty where none does.
    pub(crate) fn identifier(&self) -> &'a str {
        let rest = &self.text[self.at..];
        if rest.as_bytes().first().is_none_or(u8::is_ascii_digit) {
            return "";
        }
        &rest[..identifier_length(rest)]
    }

    /// Takes `token` after white space.
    fn expect(&mut self, token: u8, expected: &'static str) -> Result<(), LiteralError> {
        self.skip_space();
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    fn unexpected(&self, expected: &'static str) -> LiteralError {
        let found = if self.is_at_end() {
            "end of text".to_owned()
        } else {
            shortened(&self.text[self.at..])
        };
        LiteralError::Unexpected {
            at: self.at,
            found,
            expected,
        }
    }

    fn refused(&self, at: usize, reason: &'static str) -> LiteralError {
        let found = shortened(&self.text[at..]);
        LiteralError::Refused { at, found, reason }
    }

    /// Reads one literal that begins here.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Value, LiteralError> {
        match self.peek() {
            b'0'..=b'9' => self.number(),
            b'.' if self.peek_at(1).is_ascii_digit() => self.number(),
            b'"' | b'\'' => self.strings(),
            b'[' => {
                let items = self.bracketed(depth, b']')?;
                Ok(Value::List(items.values))
            }
            b'(' => {
                let mut items = self.bracketed(depth, b')')?;
                Ok(if items.values.len() == 1 && !items.has_comma {
                    items.values.remove(0)
                } else {
                    Value::Tuple(items.values)
                })
            }
            b'{' => self.braced(depth),
            b'+' | b'-' => self.signed(depth),
            _ => self.named(depth),
        }
    }

    fn signed(&mut self, depth: usize) -> Result<Value, LiteralError> {
        let start = self.at;
        let mut is_negative = false;
        while matches!(self.peek(), b'+' | b'-') {
            is_negative ^= self.peek() == b'-';
            self.at += 1;
            self.skip_space();
        }
        let operand = self.value(depth)?;
        number::with_sign(operand, is_negative)
            .ok_or_else(|| self.refused(start, "a sign stands only before a number"))
    }

    fn named(&mut self, depth: usize) -> Result<Value, LiteralError> {
        let start = self.at;
        let name = self.identifier();
        let after = self.at + name.len();
        if matches!(self.text.as_bytes().get(after), Some(b'"' | b'\'')) {
            return self.strings();
        }
        self.at = after;
        match name {
            "None" => Ok(Value::None),
            "True" => Ok(Value::Bool(true)),
            "False" => Ok(Value::Bool(false)),
            "inf" => Ok(Value::Float(f64::INFINITY)),
            "nan" => Err(self.refused(start, NO_NAN)),
            "math" => self.constant_of_math(start),
            "float" => self.float_call(start, depth),
            "set" | "frozenset" => self.set_call(start, name, depth),
            "list_node" | "tree_node" => self.node_call(start, name, depth),
            _ => {
                self.at = start;
                Err(self.unexpected(A_LITERAL))
            }
        }
    }

    fn constant_of_math(&mut self, start: usize) -> Result<Value, LiteralError> {
        self.skip_space();
        if self.eat(b'.') {
            self.skip_space();
            let name = self.identifier();
            if name == "nan" {
                return Err(self.refused(start, NO_NAN));
            }
            if name == "inf" {
                self.at += name.len();
                return Ok(Value::Float(f64::INFINITY));
            }
        }
        self.at = start;
        Err(self.unexpected(A_LITERAL))
    }

    /// `float("inf")` in the spellings that Python's `float` takes.
    fn float_call(&mut self, start: usize, depth: usize) -> Result<Value, LiteralError> {
        let argument = self.one_argument(depth)?;
        if let Some(Value::Str(text)) = &argument {
            let text = text
                .as_str()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            let (is_negative, magnitude) = match text.as_bytes() {
                [b'-', ..] => (true, &text[1..]),
                [b'+', ..] => (false, &text[1..]),
                _ => (false, text.as_str()),
            };
            match magnitude {
                "inf" | "infinity" if is_negative => return Ok(Value::Float(f64::NEG_INFINITY)),
                "inf" | "infinity" => return Ok(Value::Float(f64::INFINITY)),
                "nan" => return Err(self.refused(start, NO_NAN)),
                _ => {}
            }
        }
        Err(self.refused(
            start,
            "float(…) stands only for infinity; write the number itself",
        ))
    }

    fn set_call(&mut self, start: usize, name: &str, depth: usize) -> Result<Value, LiteralError> {
        let items = match self.one_argument(depth)? {
            None => Vec::new(),
            Some(
                Value::List(items)
                | Value::Tuple(items)
                | Value::Set(items)
                | Value::FrozenSet(items),
            ) => items,
            Some(_) => {
                return Err(self.refused(start, "its argument must be a list, tuple or set"));
            }
        };
        let made = if name == "set" {
            Value::set(items)
        } else {
            Value::frozenset(items)
        };
        made.map_err(|error| unhashable(start, error))
    }

    fn node_call(&mut self, start: usize, name: &str, depth: usize) -> Result<Value, LiteralError> {
        let Some(Value::List(values)) = self.one_argument(depth)? else {
            return Err(self.refused(start, "its argument must be a list"));
        };
        Ok(if name == "list_node" {
            Value::linked_list(values)
        } else {
            Value::tree(values)
        })
    }

    /// `(literal)` or `()` of a call.
    fn one_argument(&mut self, depth: usize) -> Result<Option<Value>, LiteralError> {
        self.skip_space();
        if self.peek() != b'(' {
            return Err(self.unexpected("`(`"));
        }
        let mut arguments = self.bracketed(depth, b')')?.values;
        if arguments.len() > 1 {
            return Err(self.unexpected("one argument"));
        }
        Ok(arguments.pop())
    }

    fn enter(&mut self, depth: usize) -> Result<(), LiteralError> {
        if depth >= MAX_DEPTH {
            return Err(LiteralError::TooDeep {
                at: self.at,
                limit: MAX_DEPTH,
            });
        }
        self.at += 1;
        self.brackets += 1;
        self.skip_space();
        Ok(())
    }

    /// What stands between the bracket here and `close`, separated by commas.
    fn bracketed(&mut self, depth: usize, close: u8) -> Result<Items, LiteralError> {
        self.enter(depth)?;
        let mut values = Vec::with_capacity(4);
        let mut has_comma = false;
        while !self.eat(close) {
            values.push(self.value(depth + 1)?);
            self.skip_space();
            if self.eat(b',') {
                has_comma = true;
                self.skip_space();
            } else if self.is_at_end() || self.peek() != close {
                return Err(self.unexpected("`,` or the closing bracket"));
            }
        }
        self.brackets -= 1;
        Ok(Items { values, has_comma })
    }

    fn braced(&mut self, depth: usize) -> Result<Value, LiteralError> {
        let start = self.at;
        self.enter(depth)?;
        if self.eat(b'}') {
            self.brackets -= 1;
            return Ok(Value::Dict(Vec::new()));
        }
        let first = self.value(depth + 1)?;
        self.skip_space();
        let made = if self.peek() == b':' {
            self.dict_from(first, depth).map(Value::dict)
        } else {
            self.set_from(first, depth).map(Value::set)
        }?;
        self.brackets -= 1;
        made.map_err(|error| unhashable(start, error))
    }

    fn dict_from(
        &mut self,
        first: Value,
        depth: usize,
    ) -> Result<Vec<(Value, Value)>, LiteralError> {
        let mut pairs = Vec::new();
        let mut key = first;
        loop {
            self.expect(b':', "`:`")?;
            self.skip_space();
            pairs.push((key, self.value(depth + 1)?));
            if self.ends(b'}')? {
                return Ok(pairs);
            }
            key = self.value(depth + 1)?;
        }
    }

    fn set_from(&mut self, first: Value, depth: usize) -> Result<Vec<Value>, LiteralError> {
        let mut items = vec![first];
        while !self.ends(b'}')? {
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }

    /// After an element: whether the closing bracket came, with or without a comma before it.
    fn ends(&mut self, close: u8) -> Result<bool, LiteralError> {
        self.skip_space();
        let has_comma = self.eat(b',');
        self.skip_space();
        if self.eat(close) {
            return Ok(true);
        }
        if has_comma {
            return Ok(false);
        }
        Err(self.unexpected("`,` or the closing bracket"))
    }
}

struct Items {
    values: Vec<Value>,
    has_comma: bool,
}

fn unhashable(at: usize, Unhashable(type_name): Unhashable) -> LiteralError {
    LiteralError::Unhashable { at, type_name }
}

/// Length of the run of identifier characters that begins `text`.
pub(crate) fn identifier_length(text: &str) -> usize {
    let is_part = |symbol: char| symbol == '_' || symbol.is_alphanumeric();
    let ascii = text
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    match text.as_bytes().get(ascii) {
        Some(byte) if !byte.is_ascii() => text
            .char_indices()
            .find(|(_, symbol)| !is_part(*symbol))
            .map_or(text.len(), |(at, _)| at),
        _ => ascii,
    }
}
