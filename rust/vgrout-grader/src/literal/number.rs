//! Number literals: Python's spelling rules, exact ints, correctly rounded floats.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::Cursor;
use crate::error::LiteralError;
use crate::value::Value;

/// Python refuses to read longer decimal ints (`sys.int_info.default_max_str_digits`).
const MAX_DECIMAL_DIGITS: usize = 4300;

impl Cursor<'_> {
    /// A number that begins here, without a sign.
    pub(super) fn number(&mut self) -> Result<Value, LiteralError> {
        if let Some(int) = self.short_decimal() {
            return Ok(int);
        }
        let start = self.at;
        let radix = match (self.peek(), self.peek_at(1) | 0x20) {
            (b'0', b'x') => 16,
            (b'0', b'o') => 8,
            (b'0', b'b') => 2,
            _ => 10,
        };
        let value = if radix == 10 {
            self.decimal(start)?
        } else {
            self.at += 2;
            self.eat(b'_');
            let digits = self.digits(radix)?;
            match i64::from_str_radix(&digits, radix) {
                Ok(int) => Value::Int(int),
                Err(_) => self.bigint(start, &digits, radix)?,
            }
        };
        if matches!(self.peek(), b'j' | b'J') {
            return Err(self.refused(start, "complex numbers are not compared"));
        }
        if !self.identifier().is_empty() || self.peek().is_ascii_digit() || self.peek() == b'.' {
            return Err(self.unexpected("the end of the number"));
        }
        Ok(value)
    }

    fn decimal(&mut self, start: usize) -> Result<Value, LiteralError> {
        let mut digits = if self.peek() == b'.' {
            String::new()
        } else {
            self.digits(10)?
        };
        let mut is_float = false;
        if self.eat(b'.') {
            is_float = true;
            digits.push('.');
            if self.peek().is_ascii_digit() {
                digits.push_str(&self.digits(10)?);
            }
        }
        let sign_length = usize::from(matches!(self.peek_at(1), b'+' | b'-'));
        if self.peek() | 0x20 == b'e' && self.peek_at(1 + sign_length).is_ascii_digit() {
            is_float = true;
            digits.push_str(&self.text[self.at..=self.at + sign_length]);
            self.at += 1 + sign_length;
            digits.push_str(&self.digits(10)?);
        }
        if is_float {
            let float = digits.parse::<f64>();
            return float
                .map(Value::Float)
                .map_err(|_| self.refused(start, "it is not a number"));
        }
        if digits.starts_with('0') && digits.bytes().any(|digit| digit != b'0') {
            return Err(self.refused(start, "Python allows no leading zeros"));
        }
        if digits.len() > MAX_DECIMAL_DIGITS {
            return Err(self.refused(start, "Python reads at most 4300 decimal digits"));
        }
        match digits.parse() {
            Ok(int) => Ok(Value::Int(int)),
            Err(_) => self.bigint(start, &digits, 10),
        }
    }

    /// The common case: up to 18 digits, no leading zero, nothing special after them.
    fn short_decimal(&mut self) -> Option<Value> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let mut int = 0_i64;
        let mut length = 0;
        for byte in rest.iter().take(19) {
            if !byte.is_ascii_digit() {
                break;
            }
            int = int.wrapping_mul(10).wrapping_add(i64::from(byte - b'0')); // used up to 18 digits
            length += 1;
        }
        let goes_on = rest.get(length).is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || !byte.is_ascii()
        });
        let has_leading_zero = length > 1 && rest[0] == b'0';
        if length == 0 || length > 18 || has_leading_zero || goes_on {
            return None;
        }
        self.at += length;
        Some(Value::Int(int))
    }

    /// Digits with single underscores between them, which are dropped.
    fn digits(&mut self, radix: u32) -> Result<String, LiteralError> {
        let mut digits = String::new();
        loop {
            let run_start = digits.len();
            while char::from(self.peek()).is_digit(radix) {
                digits.push(char::from(self.peek()));
                self.at += 1;
            }
            if digits.len() == run_start {
                return Err(self.unexpected("a digit"));
            }
            if !self.eat(b'_') {
                return Ok(digits);
            }
        }
    }

    fn bigint(&self, start: usize, digits: &str, radix: u32) -> Result<Value, LiteralError> {
        BigInt::parse_bytes(digits.as_bytes(), radix)
            .map(Value::from_bigint)
            .ok_or_else(|| self.refused(start, "it is not a number"))
    }
}

/// `+value` or `-value`; `None` where Python has no such operation. A bool becomes an int.
pub(super) fn with_sign(value: Value, is_negative: bool) -> Option<Value> {
    match value {
        Value::Bool(truth) => with_sign(Value::Int(i64::from(truth)), is_negative),
        Value::Float(float) => Some(Value::Float(if is_negative { -float } else { float })),
        Value::Int(int) if !is_negative => Some(Value::Int(int)),
        Value::BigInt(big) if !is_negative => Some(Value::BigInt(big)),
        Value::Int(int) => Some(
            int.checked_neg()
                .map_or_else(|| Value::from_bigint(-BigInt::from(int)), Value::Int),
        ),
        Value::BigInt(big) => {
            let negated = -*big;
            Some(match negated.to_i64() {
                Some(int) => Value::Int(int),
                None => Value::BigInt(Box::new(negated)),
            })
        }
        _ => None,
    }
}
