//! String literals: prefixes, escapes, triple quotes, adjacent pieces.

use super::Cursor;
use crate::error::LiteralError;
use crate::value::{Text, Value};

const UNCLOSED: &str = "the closing quote of the string";

impl Cursor<'_> {
    /// One string, or several written side by side.
    pub(super) fn strings(&mut self) -> Result<Value, LiteralError> {
        let mut text = Text::default();
        loop {
            self.string(&mut text)?;
            let after = self.at;
            self.skip_space();
            if !self.is_at_string() {
                self.at = after;
                return Ok(Value::Str(text));
            }
        }
    }

    fn is_at_string(&self) -> bool {
        let prefix = self.identifier().len();
        prefix <= 2 && matches!(self.peek_at(prefix), b'"' | b'\'')
    }

    fn string(&mut self, text: &mut Text) -> Result<(), LiteralError> {
        let start = self.at;
        let is_raw = match self.identifier() {
            "" | "u" | "U" => false,
            "r" | "R" => true,
            prefix => {
                let lower = prefix.to_ascii_lowercase();
                return Err(self.refused(
                    start,
                    match lower.as_str() {
                        "b" | "br" | "rb" => "bytes are not compared",
                        "f" | "fr" | "rf" | "t" | "tr" | "rt" => "only constant strings are read",
                        _ => "there is no such string prefix",
                    },
                ));
            }
        };
        self.at += self.identifier().len();
        let quote = self.peek();
        let is_triple = self.peek_at(1) == quote && self.peek_at(2) == quote;
        self.at += if is_triple { 3 } else { 1 };
        loop {
            self.plain_run(quote, text);
            match self.peek() {
                byte if byte == quote => {
                    let closes =
                        !is_triple || (self.peek_at(1) == quote && self.peek_at(2) == quote);
                    self.at += if closes && is_triple { 3 } else { 1 };
                    if closes {
                        return Ok(());
                    }
                    text.push_str(if quote == b'"' { "\"" } else { "'" });
                }
                b'\\' if is_raw => {
                    text.push_str("\\");
                    self.at += 1;
                    self.raw_escaped(text)?;
                }
                b'\\' => self.escape(text)?,
                b'\n' | b'\r' if is_triple => self.newline(text),
                _ => return Err(self.unexpected(UNCLOSED)),
            }
        }
    }

    /// Takes everything up to the next byte that means something.
    fn plain_run(&mut self, quote: u8, text: &mut Text) {
        let rest = &self.text[self.at..];
        let special = |byte: &u8| *byte == quote || matches!(byte, b'\\' | b'\n' | b'\r' | 0);
        let length = rest.bytes().position(|byte| special(&byte));
        let run = &rest[..length.unwrap_or(rest.len())];
        text.push_str(run);
        self.at += run.len();
    }

    /// Python reads every line end in source as `\n`.
    fn newline(&mut self, text: &mut Text) {
        self.at += if self.peek() == b'\r' && self.peek_at(1) == b'\n' {
            2
        } else {
            1
        };
        text.push_str("\n");
    }

    /// In a raw string the backslash stays, and what follows it cannot close the string.
    fn raw_escaped(&mut self, text: &mut Text) -> Result<(), LiteralError> {
        let Some(symbol) = self.text[self.at..].chars().next() else {
            return Err(self.unexpected(UNCLOSED));
        };
        if matches!(symbol, '\n' | '\r') {
            self.newline(text);
        } else {
            self.at += symbol.len_utf8();
            text.push_code_point(u32::from(symbol));
        }
        Ok(())
    }

    fn escape(&mut self, text: &mut Text) -> Result<(), LiteralError> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        let simple = match letter {
            b'\\' => "\\",
            b'\'' => "'",
            b'"' => "\"",
            b'a' => "\x07",
            b'b' => "\x08",
            b'f' => "\x0c",
            b'n' => "\n",
            b'r' => "\r",
            b't' => "\t",
            b'v' => "\x0b",
            _ => "",
        };
        if !simple.is_empty() {
            text.push_str(simple);
            self.at += 1;
            return Ok(());
        }
        match letter {
            b'\n' => self.at += 1,
            b'\r' => self.newline(&mut Text::default()),
            b'x' => self.hex_escape(start, 2, text)?,
            b'u' => self.hex_escape(start, 4, text)?,
            b'U' => self.hex_escape(start, 8, text)?,
            b'0'..=b'7' => {
                let mut point = 0;
                for _ in 0..3 {
                    if !matches!(self.peek(), b'0'..=b'7') {
                        break;
                    }
                    point = point * 8 + u32::from(self.peek() - b'0');
                    self.at += 1;
                }
                text.push_code_point(point);
            }
            b'N' => return Err(self.refused(start, "character names are not looked up")),
            0 => return Err(self.unexpected(UNCLOSED)),
            _ => text.push_str("\\"), // Python keeps an unknown escape as it stands
        }
        Ok(())
    }

    fn hex_escape(
        &mut self,
        start: usize,
        length: usize,
        text: &mut Text,
    ) -> Result<(), LiteralError> {
        self.at += 1;
        let digits = self.text.get(self.at..self.at + length).unwrap_or("");
        let all_hex = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let point = u32::from_str_radix(digits, 16);
        match point {
            Ok(point) if all_hex && text.push_code_point(point) => {
                self.at += length;
                Ok(())
            }
            _ => Err(self.refused(start, "the escape is not a code point")),
        }
    }
}
