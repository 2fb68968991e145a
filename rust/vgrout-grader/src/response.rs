//! Chat text → the Python source in it.
//!
//! A block opens at a line of at least three backticks or tildes whose label is Python's or missing: `python`, `py`,
//! a version behind either, in any case, also as `{.python}` or before a file name (`python:solution.py`); blocks with
//! another label are skipped whole, but a `markdown` block is looked into. Prose may stand before the fence on its
//! line. A block closes at the next line of as many of the same marks or more, indented at most three columns further
//! than the opening line, or where a line of code ends in exactly that (`return x```​`); a labelled fence closes it too
//! and opens the next. An unclosed last block counts to the end of the text; a block of white space alone is none. Line
//! ends become `\n`, and an indented block loses the indentation of its opening line. One pass.

use std::str::FromStr;

use crate::error::JobError;

const FENCE: usize = 3;
const CLOSING_INDENT: usize = 3;
const THINK: (&[u8], &[u8]) = (b"<think>", b"</think>");

/// Which of a reply's blocks are the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Extract {
    /// All of them, joined by a blank line: the benchmark's rule.
    #[default]
    Joined,
    /// The last one that is closed and defines what the tests call, thinking left out.
    Last,
    /// No block is looked for: the reply is the code.
    Raw,
}

impl Extract {
    /// Every choice, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Joined, Self::Last, Self::Raw];

    /// The choice's public name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Last => "last",
            Self::Raw => "raw",
        }
    }
}

impl FromStr for Extract {
    type Err = JobError;

    fn from_str(name: &str) -> Result<Self, JobError> {
        let found = Self::ALL.into_iter().find(|choice| choice.name() == name);
        found.ok_or_else(|| JobError::UnknownExtract {
            extract: name.to_owned(),
        })
    }
}

/// The source in `text`, which may hold lone surrogates in generalised UTF-8; `None` where there is none.
///
/// `graded` is the name that the tests call; without it any definition counts as the graded one.
#[must_use]
pub fn extract_code(text: &[u8], how: Extract, graded: Option<&str>) -> Option<Vec<u8>> {
    match how {
        Extract::Raw => (!text.trim_ascii().is_empty()).then(|| text.to_vec()),
        Extract::Joined => {
            let blocks: Vec<_> = blocks(text, None)
                .into_iter()
                .map(|block| block.code)
                .collect();
            (!blocks.is_empty()).then(|| blocks.join(&b"\n\n"[..]))
        }
        Extract::Last => last(text, graded),
    }
}

/// The block that a reader would take for the final answer.
fn last(text: &[u8], graded: Option<&str>) -> Option<Vec<u8>> {
    let text = after_thinking(text)?;
    let mut found = blocks(text, None);
    if !found.iter().any(|block| block.defines(graded)) {
        // The prompt may have opened the fence: then the reply begins with code.
        let mut prefilled = blocks(text, Some(Fence::PREFILLED));
        if prefilled
            .first()
            .is_some_and(|first| first.is_closed && first.defines(graded))
        {
            return Some(prefilled.swap_remove(0).code);
        }
    }
    let by_worth = |block: &Block| (block.defines(graded), block.is_closed);
    let best = found.iter().map(by_worth).max()?;
    let place = found.iter().rposition(|block| by_worth(block) == best)?;
    Some(found.swap_remove(place).code)
}

/// What follows the thinking; `None` where the reply was cut off in it.
fn after_thinking(text: &[u8]) -> Option<&[u8]> {
    let (open, close) = THINK;
    let end = text
        .windows(close.len())
        .rposition(|window| window == close)
        .map_or(0, |at| at + close.len());
    let rest = &text[end..];
    let is_open = rest
        .split(|byte| *byte == b'\n')
        .any(|line| line.trim_ascii_start().starts_with(open));
    (!is_open).then_some(rest)
}

#[derive(Debug)]
struct Block {
    code: Vec<u8>,
    /// It ends in a closing line of its own.
    is_closed: bool,
}

impl Block {
    /// Whether a line at the left margin defines the name, or anything where there is none.
    fn defines(&self, graded: Option<&str>) -> bool {
        self.code
            .split(|byte| *byte == b'\n')
            .any(|line| is_definition(line, graded.map(str::as_bytes)))
    }
}

fn is_definition(line: &[u8], graded: Option<&[u8]>) -> bool {
    let named = [&b"class "[..], b"def ", b"async def "]
        .iter()
        .find_map(|keyword| line.strip_prefix(*keyword));
    let Some(graded) = graded else {
        return named.is_some();
    };
    let is_assigned = named.is_none();
    let rest = named.unwrap_or(line).trim_ascii_start();
    let Some(behind) = rest.strip_prefix(graded) else {
        return false;
    };
    let goes_on = |byte: &u8| *byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii();
    if behind.first().is_some_and(goes_on) {
        return false;
    }
    match behind.trim_ascii_start() {
        [b'=', b'=', ..] => false,
        [b'=' | b':', ..] => true,
        _ => !is_assigned,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Code,
    /// Text that may hold fenced code of its own.
    Markdown,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Fence {
    mark: u8,
    length: usize,
    indent: usize,
    content: Content,
}

impl Fence {
    const PREFILLED: Self = Self {
        mark: b'`',
        length: FENCE,
        indent: 0,
        content: Content::Code,
    };
}

enum Closing<'a> {
    No,
    Line,
    AfterCode(&'a [u8]),
    Reopens(Fence),
}

/// The blocks of code; with `open` the text begins inside of one.
fn blocks(text: &[u8], mut open: Option<Fence>) -> Vec<Block> {
    let mut reading = Reading::default();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let (line, has_end) = without_line_end(line);
        let Some(fence) = open else {
            open = reading.outside(line);
            continue;
        };
        match closing(line, &fence) {
            Closing::No => reading.line(line, &fence, has_end),
            Closing::Line => {
                reading.finish(true);
                open = None;
            }
            Closing::AfterCode(code) => {
                reading.line(code, &fence, true);
                reading.finish(true);
                open = None;
            }
            Closing::Reopens(next) => {
                reading.finish(false);
                open = Some(next);
            }
        }
    }
    reading.finish(false);
    reading.found
}

/// The blocks so far, the one being read, and the markdown around it.
#[derive(Default)]
struct Reading {
    found: Vec<Block>,
    block: Vec<u8>,
    /// Indentation that the block's lines lose, once its first line has told.
    dedent: Option<usize>,
    around: Vec<Fence>,
}

impl Reading {
    /// A line outside of every block: the fence that it opens, if any.
    fn outside(&mut self, line: &[u8]) -> Option<Fence> {
        let is_end = |fence: &Fence| matches!(closing(line, fence), Closing::Line);
        if self.around.last().is_some_and(is_end) {
            self.around.pop();
            return None;
        }
        let fence = opening(line).or_else(|| opening_after_prose(line))?;
        if fence.content == Content::Markdown {
            self.around.push(fence);
            return None;
        }
        Some(fence)
    }

    fn line(&mut self, line: &[u8], fence: &Fence, has_end: bool) {
        if fence.content != Content::Code {
            return;
        }
        let leading = indentation(line);
        if self.dedent.is_none() && leading < line.len() {
            self.dedent = Some(leading.min(fence.indent));
        }
        let cut = self.dedent.unwrap_or(fence.indent).min(leading);
        self.block.extend_from_slice(&line[cut..]);
        if has_end {
            self.block.push(b'\n');
        }
    }

    fn finish(&mut self, is_closed: bool) {
        let mut code = std::mem::take(&mut self.block);
        self.dedent = None;
        if code.trim_ascii().is_empty() {
            return;
        }
        if code.last() == Some(&b'\n') {
            code.pop();
        }
        self.found.push(Block { code, is_closed });
    }
}

fn without_line_end(line: &[u8]) -> (&[u8], bool) {
    match line {
        [head @ .., b'\r', b'\n'] | [head @ .., b'\n'] => (head, true),
        _ => (line, false),
    }
}

fn leading(line: &[u8], is_counted: impl Fn(u8) -> bool) -> usize {
    line.iter().take_while(|byte| is_counted(**byte)).count()
}

fn indentation(line: &[u8]) -> usize {
    leading(line, |byte| matches!(byte, b' ' | b'\t'))
}

/// The fence at the beginning of a line.
fn opening(line: &[u8]) -> Option<Fence> {
    let indent = indentation(line);
    let mark = *line
        .get(indent)
        .filter(|byte| matches!(byte, b'`' | b'~'))?;
    fence_at(line, indent, mark)
}

/// A fence of backticks behind prose, a list's number or a tag, for Python or markdown only.
fn opening_after_prose(line: &[u8]) -> Option<Fence> {
    let start = line.iter().position(|byte| *byte == b'`')?;
    let fence = fence_at(line, start, b'`')?;
    let is_list = line[..start].iter().all(|byte| {
        matches!(
            byte,
            b' ' | b'\t' | b'0'..=b'9' | b'.' | b')' | b'-' | b'*' | b'+'
        )
    });
    (fence.content != Content::Other).then_some(Fence {
        indent: if is_list { start } else { 0 },
        ..fence
    })
}

fn fence_at(line: &[u8], start: usize, mark: u8) -> Option<Fence> {
    let length = leading(&line[start..], |byte| byte == mark);
    let label = line[start + length..].trim_ascii();
    if length < FENCE || label.contains(&b'`') {
        return None;
    }
    Some(Fence {
        mark,
        length,
        indent: start,
        content: content(label),
    })
}

/// What a label says of the block: of `{.python}`, `python:solution.py` and `py3 title="a"` the first word.
fn content(label: &[u8]) -> Content {
    let label = label.trim_ascii_start().strip_prefix(b"{").unwrap_or(label);
    let label = label.strip_prefix(b".").unwrap_or(label);
    let end = leading(label, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'#')
    });
    let word = label[..end].to_ascii_lowercase();
    if word.is_empty() {
        return if label.is_empty() {
            Content::Code
        } else {
            Content::Other
        };
    }
    if matches!(word.as_slice(), b"markdown" | b"md") {
        return Content::Markdown;
    }
    let version = word
        .strip_prefix(b"python")
        .or_else(|| word.strip_prefix(b"py"));
    match version {
        Some([] | [b'3', ..]) if is_version(&word) => Content::Code,
        _ => Content::Other,
    }
}

/// Nothing but digits and dots behind the letters.
fn is_version(word: &[u8]) -> bool {
    word.iter()
        .skip_while(|byte| byte.is_ascii_alphabetic())
        .all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

fn closing<'a>(line: &'a [u8], fence: &Fence) -> Closing<'a> {
    let trimmed = line.trim_ascii_end();
    let length = trimmed
        .iter()
        .rev()
        .take_while(|byte| **byte == fence.mark)
        .count();
    let before = trimmed.len() - length;
    let indent = indentation(line);
    let is_near = indent <= fence.indent + CLOSING_INDENT;
    if length >= fence.length {
        if before <= indent {
            return if is_near { Closing::Line } else { Closing::No };
        }
        let code = &trimmed[..before];
        let is_clear = fence.mark == b'`' && length == fence.length && !code.contains(&b'`');
        return if is_clear {
            Closing::AfterCode(code)
        } else {
            Closing::No
        };
    }
    if !is_near {
        return Closing::No;
    }
    let marks = leading(&line[indent..], |byte| byte == fence.mark);
    if marks >= fence.length && line[indent + marks..].trim_ascii_start().first() == Some(&b'<') {
        return Closing::Line;
    }
    match opening(line) {
        Some(next) if next.mark == fence.mark && next.length >= fence.length => {
            Closing::Reopens(next)
        }
        _ => Closing::No,
    }
}
