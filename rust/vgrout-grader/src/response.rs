//! Chat text → the Python source in it.
//!
//! A block opens at a line of at least three backticks whose label (its first word, in any case) is `python`,
//! `py`, `python3` or missing; blocks with another label are skipped whole. It closes at the next line of as many
//! backticks or more, indented at most three columns further than the opening line, or where a line of code ends
//! in exactly that (`return x```​`); a labelled fence closes it too and opens the next. An unclosed last block counts
//! to the end of the text. Blocks are joined by a blank line; a block of white space alone is none. Line ends
//! become `\n`, and an indented block loses the indentation of its opening line. `~~~` opens nothing. One pass.

const FENCE: usize = 3;
const CLOSING_INDENT: usize = 3;

/// The source in `text`, or `None` where there is no block.
#[must_use]
pub fn extract_code(text: &str) -> Option<String> {
    // Only whole lines, indentation and backticks were removed: what is left is UTF-8.
    extract_code_bytes(text.as_bytes()).and_then(|code| String::from_utf8(code).ok())
}

/// [`extract_code`] of text that may hold lone surrogates, in generalised UTF-8.
#[must_use]
pub fn extract_code_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let mut blocks = Blocks::default();
    let mut open: Option<Fence> = None;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let (line, has_end) = without_line_end(line);
        let Some(fence) = &open else {
            open = opening(line);
            continue;
        };
        match closing(line, fence) {
            Closing::No => {
                if fence.is_code {
                    blocks.line(dedented(line, fence.indent), has_end);
                }
            }
            Closing::Line => {
                blocks.finish();
                open = None;
            }
            Closing::AfterCode(code) => {
                if fence.is_code {
                    blocks.line(dedented(code, fence.indent), true);
                }
                blocks.finish();
                open = None;
            }
            Closing::Reopens(next) => {
                blocks.finish();
                open = Some(next);
            }
        }
    }
    blocks.finish();
    blocks.joined
}

#[derive(Clone, Copy, Debug)]
struct Fence {
    indent: usize,
    ticks: usize,
    is_code: bool,
}

enum Closing<'a> {
    No,
    Line,
    AfterCode(&'a [u8]),
    Reopens(Fence),
}

/// The code so far, and the block being read.
#[derive(Default)]
struct Blocks {
    joined: Option<Vec<u8>>,
    block: Vec<u8>,
}

impl Blocks {
    fn line(&mut self, line: &[u8], has_end: bool) {
        self.block.extend_from_slice(line);
        if has_end {
            self.block.push(b'\n');
        }
    }

    fn finish(&mut self) {
        let mut block = std::mem::take(&mut self.block);
        if block.trim_ascii().is_empty() {
            return;
        }
        if block.last() == Some(&b'\n') {
            block.pop();
        }
        match &mut self.joined {
            Some(joined) => {
                joined.extend_from_slice(b"\n\n");
                joined.extend_from_slice(&block);
            }
            None => self.joined = Some(block),
        }
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

fn opening(line: &[u8]) -> Option<Fence> {
    let indent = leading(line, |byte| matches!(byte, b' ' | b'\t'));
    let ticks = leading(&line[indent..], |byte| byte == b'`');
    let label = line[indent + ticks..].trim_ascii();
    if ticks < FENCE || label.contains(&b'`') {
        return None;
    }
    let word = label
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    let is_code = [&b""[..], b"python", b"py", b"python3"]
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name));
    Some(Fence {
        indent,
        ticks,
        is_code,
    })
}

fn closing<'a>(line: &'a [u8], fence: &Fence) -> Closing<'a> {
    let trimmed = line.trim_ascii_end();
    let after_ticks = trimmed.len() - leading_back(trimmed);
    let ticks = trimmed.len() - after_ticks;
    let indent = leading(line, |byte| matches!(byte, b' ' | b'\t'));
    if ticks >= fence.ticks {
        if after_ticks <= indent {
            let is_near = indent <= fence.indent + CLOSING_INDENT;
            return if is_near { Closing::Line } else { Closing::No };
        }
        let code = &trimmed[..after_ticks];
        let is_clear = ticks == fence.ticks && !code.contains(&b'`');
        return if is_clear {
            Closing::AfterCode(code)
        } else {
            Closing::No
        };
    }
    match opening(line) {
        Some(next) if next.ticks >= fence.ticks && indent <= fence.indent + CLOSING_INDENT => {
            Closing::Reopens(next)
        }
        _ => Closing::No,
    }
}

/// Length of the run of backticks at the end.
fn leading_back(line: &[u8]) -> usize {
    line.iter().rev().take_while(|byte| **byte == b'`').count()
}

fn dedented(line: &[u8], indent: usize) -> &[u8] {
    let removable = leading(line, |byte| matches!(byte, b' ' | b'\t'));
    &line[removable.min(indent)..]
}
