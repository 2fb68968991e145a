//! The outline of Python source: statements, brackets, operators. No expression is understood here.

use crate::error::{AssertionError, shortened};
use crate::literal::{Cursor, identifier_length};

/// A logical line, or the part of one between semicolons, without surrounding white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub start: usize,
    pub end: usize,
    /// It stands at the left margin and opens no block.
    pub is_simple: bool,
}

/// `match` is missing: it is a name, too, and what its block holds is indented anyway.
const BLOCK_WORDS: [&str; 12] = [
    "if", "elif", "else", "for", "while", "def", "class", "with", "try", "except", "finally",
    "async",
];

/// Splits source into its statements; a statement that opens a block is one whole line.
pub(crate) fn statements(source: &str) -> Result<Vec<Statement>, AssertionError> {
    let mut found = Vec::new();
    let mut cursor = Cursor::new(source);
    while !cursor.is_at_end() {
        let line_start = cursor.at;
        while matches!(cursor.peek(), b' ' | b'\t' | b'\x0c') {
            cursor.at += 1;
        }
        let is_indented = cursor.at > line_start && !found.is_empty();
        let word = cursor.identifier();
        let opens_block = BLOCK_WORDS.contains(&word) || cursor.peek() == b'@';
        let is_simple = !is_indented && !opens_block;
        read_line(&mut cursor, is_simple, &mut found)?;
    }
    Ok(found)
}

/// Reads to the end of a logical line.
fn read_line(
    cursor: &mut Cursor<'_>,
    is_simple: bool,
    found: &mut Vec<Statement>,
) -> Result<(), AssertionError> {
    let source = cursor.text;
    let mut start = cursor.at;
    let mut end = start;
    let mut finish = |start: usize, end: usize| {
        if end > start {
            found.push(Statement {
                start,
                end,
                is_simple,
            });
        }
    };
    loop {
        match cursor.peek() {
            b'#' => {
                while !cursor.is_at_end() && cursor.peek() != b'\n' {
                    cursor.at += 1;
                }
            }
            b'\n' => {
                cursor.at += 1;
                break;
            }
            b';' if is_simple => {
                finish(start, end);
                cursor.at += 1;
                cursor.skip_space();
                start = cursor.at;
                end = start;
            }
            b' ' | b'\t' | b'\r' | b'\x0c' => cursor.at += 1,
            _ if cursor.at >= source.len() => break,
            _ => {
                skip_piece(cursor)?;
                end = cursor.at;
            }
        }
    }
    finish(start, end);
    Ok(())
}

/// Skips one string, one bracket with all inside, a line continuation, or one character.
fn skip_piece(cursor: &mut Cursor<'_>) -> Result<(), AssertionError> {
    match cursor.peek() {
        b'"' | b'\'' => skip_string(cursor),
        b'(' | b'[' | b'{' => skip_brackets(cursor),
        b')' | b']' | b'}' => Err(unbalanced(cursor, cursor.at, "closes nothing")),
        b'\\' => {
            cursor.at += if cursor.peek_at(1) == b'\r' { 3 } else { 2 };
            cursor.at = cursor.at.min(cursor.text.len());
            while !cursor.text.is_char_boundary(cursor.at) {
                cursor.at += 1;
            }
            Ok(())
        }
        _ => {
            let next = cursor.text[cursor.at..].chars().next();
            cursor.at += next.map_or(1, char::len_utf8);
            Ok(())
        }
    }
}

fn unbalanced(cursor: &Cursor<'_>, at: usize, problem: &'static str) -> AssertionError {
    let found = shortened(&cursor.text[at..]);
    AssertionError::Unbalanced { at, found, problem }
}

/// Skips a string literal; its prefix, if any, is behind.
fn skip_string(cursor: &mut Cursor<'_>) -> Result<(), AssertionError> {
    let start = cursor.at;
    let quote = cursor.peek();
    let is_triple = cursor.peek_at(1) == quote && cursor.peek_at(2) == quote;
    let bytes = cursor.text.as_bytes();
    let mut at = start + if is_triple { 3 } else { 1 };
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(byte) if *byte == quote => {
                let closes = !is_triple || bytes[at..].starts_with(&[quote; 3]);
                at += if closes && is_triple { 3 } else { 1 };
                if closes {
                    cursor.at = at;
                    return Ok(());
                }
            }
            Some(b'\n') if !is_triple => return Err(unbalanced(cursor, start, "is not closed")),
            Some(_) => at += 1,
            None => return Err(unbalanced(cursor, start, "is not closed")),
        }
    }
}

/// Skips a bracket and everything up to the one that closes it.
pub(crate) fn skip_brackets(cursor: &mut Cursor<'_>) -> Result<(), AssertionError> {
    let start = cursor.at;
    let mut open = Vec::new();
    loop {
        match cursor.peek() {
            byte @ (b'(' | b'[' | b'{') => {
                open.push(byte);
                cursor.at += 1;
            }
            byte @ (b')' | b']' | b'}') => {
                let opened = open.pop();
                let fits = matches!(
                    (opened, byte),
                    (Some(b'('), b')') | (Some(b'['), b']') | (Some(b'{'), b'}')
                );
                if !fits {
                    return Err(unbalanced(cursor, cursor.at, "closes another bracket"));
                }
                cursor.at += 1;
                if open.is_empty() {
                    return Ok(());
                }
            }
            b'#' => {
                while !cursor.is_at_end() && cursor.peek() != b'\n' {
                    cursor.at += 1;
                }
            }
            _ if cursor.is_at_end() => return Err(unbalanced(cursor, start, "is not closed")),
            _ => skip_piece(cursor)?,
        }
    }
}

/// An operator outside all brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Is,
    IsNot,
    And,
    Not,
    Comma,
    /// A minus between two operands.
    Minus,
    /// `or`, `if`, arithmetic, `:`, `=`, `:=`, … : nothing a check is made of.
    Other,
}

impl Op {
    pub fn is_comparison(self) -> bool {
        !matches!(
            self,
            Self::And | Self::Not | Self::Comma | Self::Minus | Self::Other
        )
    }
}

/// Where an operator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub op: Op,
    pub start: usize,
    pub end: usize,
}

/// The operators of an expression that stand outside all brackets and strings.
pub(crate) fn operators(expression: &str) -> Result<Vec<Mark>, AssertionError> {
    let mut marks: Vec<Mark> = Vec::new();
    let mut cursor = Cursor::new(expression);
    cursor.brackets = 1; // the caller knows where the expression ends: newlines in it are white space
    let mut after_operand = false;
    loop {
        cursor.skip_space();
        if cursor.is_at_end() {
            return Ok(marks);
        }
        let start = cursor.at;
        let word = cursor.identifier();
        let op = if !word.is_empty() {
            cursor.at += word.len();
            word_operator(word)
        } else if cursor.peek().is_ascii_digit() {
            skip_number(&mut cursor);
            None
        } else if let Some((op, length)) = symbol_operator(&cursor) {
            cursor.at += length;
            Some(op)
        } else {
            skip_piece(&mut cursor)?;
            None
        };
        let Some(op) = op else {
            after_operand = true;
            continue;
        };
        let is_sign = matches!(&expression[start..cursor.at], "-" | "+") && !after_operand;
        after_operand = false;
        if is_sign || joined_with_previous(&mut marks, op, expression, cursor.at) {
            continue;
        }
        let end = cursor.at;
        marks.push(Mark { op, start, end });
    }
}

/// Makes `not in` and `is not` one operator.
fn joined_with_previous(marks: &mut [Mark], op: Op, text: &str, end: usize) -> bool {
    let Some(last) = marks.last_mut() else {
        return false;
    };
    let between = text[last.end..end].trim_start();
    let joined = match (last.op, op, between) {
        (Op::Not, Op::In, "in") => Op::NotIn,
        (Op::Is, Op::Not, "not") => Op::IsNot,
        _ => return false,
    };
    last.op = joined;
    last.end = end;
    true
}

fn word_operator(word: &str) -> Option<Op> {
    match word {
        "in" => Some(Op::In),
        "is" => Some(Op::Is),
        "and" => Some(Op::And),
        "not" => Some(Op::Not),
        "or" | "if" | "else" | "for" | "lambda" | "await" | "yield" => Some(Op::Other),
        _ => None,
    }
}

fn symbol_operator(cursor: &Cursor<'_>) -> Option<(Op, usize)> {
    Some(match (cursor.peek(), cursor.peek_at(1)) {
        (b'=', b'=') => (Op::Eq, 2),
        (b'!', b'=') => (Op::Ne, 2),
        (b'<', b'=') => (Op::Le, 2),
        (b'>', b'=') => (Op::Ge, 2),
        (b'<', b'<') | (b'>', b'>') | (b'*', b'*') | (b'/', b'/') | (b':', b'=') => (Op::Other, 2),
        (b'<', _) => (Op::Lt, 1),
        (b'>', _) => (Op::Gt, 1),
        (b',', _) => (Op::Comma, 1),
        (b'-', _) => (Op::Minus, 1),
        (
            b'+' | b'*' | b'/' | b'%' | b'@' | b'&' | b'|' | b'^' | b'~' | b':' | b'=' | b'!'
            | b';',
            _,
        ) => (Op::Other, 1),
        _ => return None,
    })
}

/// A number with its exponent, whose sign is no operator.
fn skip_number(cursor: &mut Cursor<'_>) {
    let is_hex = cursor.peek() == b'0' && cursor.peek_at(1) | 0x20 == b'x';
    loop {
        let byte = cursor.peek();
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')) {
            return;
        }
        cursor.at += 1;
        let is_exponent = !is_hex && byte | 0x20 == b'e';
        if is_exponent && matches!(cursor.peek(), b'+' | b'-') {
            cursor.at += 1;
        }
    }
}

/// Whether any word of the source, outside strings and comments, fits.
pub(crate) fn any_word(source: &str, mut fits: impl FnMut(&str) -> bool) -> bool {
    words(source).any(|(_, word)| fits(word))
}

/// The words of the source outside strings and comments, and where they begin.
pub(crate) fn words(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut cursor = Cursor::new(source);
    std::iter::from_fn(move || {
        while !cursor.is_at_end() {
            let (at, word) = (cursor.at, cursor.identifier());
            if !word.is_empty() {
                cursor.at += word.len();
                return Some((at, word));
            }
            if cursor.peek().is_ascii_digit() {
                skip_number(&mut cursor);
            } else if !skip_text(&mut cursor) {
                let next = source[cursor.at..].chars().next();
                cursor.at += next.map_or(1, char::len_utf8);
            }
        }
        None
    })
}

/// The words inside the string that begins the text; of all that follows, where it is not closed.
pub(crate) fn words_of_text(text: &str) -> impl Iterator<Item = &str> {
    let mut cursor = Cursor::new(text);
    let end = skip_string(&mut cursor).map_or(text.len(), |()| cursor.at);
    let inside = text[..end].split(|symbol: char| !(symbol == '_' || symbol.is_alphanumeric()));
    inside
        .filter(|word| !word.is_empty() && !word.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether a call follows.
pub(crate) fn opens_call(after_name: &str) -> bool {
    after_name.trim_start().starts_with('(')
}

/// Skips a string or a comment that begins here.
fn skip_text(cursor: &mut Cursor<'_>) -> bool {
    match cursor.peek() {
        b'"' | b'\'' => skip_string(cursor).is_ok(),
        b'#' => {
            while !cursor.is_at_end() && cursor.peek() != b'\n' {
                cursor.at += 1;
            }
            true
        }
        _ => false,
    }
}

/// Whether the source compares anything: `==`, `<`, `in`, `not`, `and`, …, outside strings and comments.
pub(crate) fn compares(source: &str) -> bool {
    let mut loops = 0;
    let is_comparing = |word: &str| match word {
        "for" => {
            loops += 1;
            false
        }
        "in" if loops > 0 => {
            loops -= 1; // the `in` of a loop
            false
        }
        "in" | "is" | "not" | "and" | "or" | "all" | "any" | "isinstance" | "lambda" => true,
        _ => false,
    };
    if any_word(source, is_comparing) {
        return true;
    }
    let mut cursor = Cursor::new(source);
    while !cursor.is_at_end() {
        if !skip_text(&mut cursor) {
            let is_comparison = symbol_operator(&cursor).is_some_and(|(op, _)| op.is_comparison());
            let is_arrow = cursor.peek() == b'>' && source[..cursor.at].ends_with('-');
            if is_comparison && !is_arrow {
                return true;
            }
            let next = source[cursor.at..].chars().next();
            cursor.at += next.map_or(1, char::len_utf8);
        }
    }
    false
}

/// A function call that is the whole expression: its arguments' text.
pub(crate) fn call_of<'a>(expression: &'a str, name: &str) -> Option<&'a str> {
    let rest = expression.strip_prefix(name)?.trim_start();
    let inside = rest.strip_prefix('(')?.strip_suffix(')')?;
    is_one_bracket(rest).then_some(inside)
}

/// Whether the bracket that begins the text closes at its end.
pub(crate) fn is_one_bracket(text: &str) -> bool {
    let mut cursor = Cursor::new(text);
    matches!(cursor.peek(), b'(' | b'[' | b'{')
        && skip_brackets(&mut cursor).is_ok()
        && cursor.is_at_end()
}

/// Splits at the commas outside all brackets; a trailing comma adds nothing.
pub(crate) fn split_commas(text: &str) -> Result<Vec<&str>, AssertionError> {
    let mut parts = Vec::new();
    let mut start = 0;
    for mark in operators(text)? {
        if mark.op == Op::Comma {
            parts.push(text[start..mark.start].trim());
            start = mark.end;
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        parts.push(last);
    }
    Ok(parts)
}

/// Whether the text is a name followed by attributes, calls and subscripts only; gives the name.
pub(crate) fn chain_head(expression: &str) -> Option<&str> {
    let mut cursor = Cursor::new(expression);
    cursor.brackets = 1;
    let head = cursor.identifier();
    if head.is_empty() {
        return None;
    }
    cursor.at += head.len();
    loop {
        cursor.skip_space();
        match cursor.peek() {
            b'.' => {
                cursor.at += 1;
                cursor.skip_space();
                let length = identifier_length(&expression[cursor.at..]);
                if cursor.identifier().is_empty() {
                    return None;
                }
                cursor.at += length;
            }
            b'(' | b'[' => skip_brackets(&mut cursor).ok()?,
            _ if cursor.is_at_end() => return Some(head),
            _ => return None,
        }
    }
}

/// The source without its comments, which may tell what the tests expect.
pub(crate) fn without_comments(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut cursor = Cursor::new(source);
    while !cursor.is_at_end() {
        let start = cursor.at;
        let is_comment = cursor.peek() == b'#';
        if !skip_text(&mut cursor) {
            let next = source[start..].chars().next();
            cursor.at += next.map_or(1, char::len_utf8);
        }
        if !is_comment {
            kept.push_str(&source[start..cursor.at]);
        }
    }
    kept
}
