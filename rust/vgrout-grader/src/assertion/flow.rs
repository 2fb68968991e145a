//! Where the answer's values may go inside the rollout's process, when a test is more than one call.
//!
//! Whatever meets the answer's value there is told to the answer: an operand, an argument, a key. So nothing may
//! meet it but the answer's own methods and Python's one-argument conversions; the rest is refused, not guessed at.

use std::collections::{HashMap, HashSet};

use super::condition::{MAX_NESTING, NOT_THE_ANSWER};
use super::refused;
use crate::error::AssertionError;
use crate::literal::{Cursor, identifier_length};
use crate::scan::{self, Op};

/// Conversions that are given nothing but the value; what they make of it is a claim like any other.
const CONVERSIONS: &str = " list tuple sorted set frozenset dict len str int float bool sum min max abs reversed \
round next iter deque Counter ";
/// More names that are no answer's: Python's, and those of the modules that setup code usually imports whole.
const KNOWN: &str = " ArithmeticError AssertionError AttributeError BaseException Decimal Exception Fraction IndexError KeyError \
ListNode NotImplemented OrderedDict OverflowError RuntimeError StopIteration TreeNode TypeError ValueError \
ZeroDivisionError _ accumulate array asc bisect bisect_left bisect_right case ceil chain combinations count \
cycle date datetime deque exp fabs factorial floor gcd heapify heappop heappush inf insort islice lcm list log \
log2 match namedtuple nan nlargest nsmallest partial permutations pi product randint random repeat seed \
shuffle sqrt staticmethod takewhile timedelta tuple uniform zip_longest ";
/// What runs a text as code, in which no name is seen here.
const CODE_FROM_TEXT: &str = " eval exec globals locals vars __import__ __builtins__ __dict__ ";
const JUDGED_BY_ANOTHER: &str = "what another function makes of the answer proves nothing";

/// What a name of a test stands for, or an expression gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// The test's own.
    Own,
    /// The test's own, handed to the answer: it knows, and may have changed, what it holds.
    Shared,
    /// A list of the test's own that returned values were put in.
    Kept,
    /// An object that the test made of one of the answer's classes.
    Instance,
    /// What the answer returned, or something taken from it.
    Returned,
}

/// The names of one test, as far as it has been read.
#[derive(Default)]
pub(super) struct Flow {
    names: HashMap<String, Kind>,
    /// Column of the `def` or `class` whose block is being read.
    definition: Option<usize>,
}

type Judged<T> = Result<T, AssertionError>;

impl Flow {
    /// Takes the statements before an assert.
    pub fn prelude(&mut self, source: &str) -> Judged<()> {
        for statement in scan::statements(source)? {
            let body = &source[statement.start..statement.end];
            let line = source[..statement.start].rfind('\n').map_or(0, |at| at + 1);
            let column = statement.start - line;
            if self.definition.is_some_and(|outer| column > outer) {
                self.must_be_own(body)?;
                continue;
            }
            self.definition = None;
            self.statement(body, column)?;
        }
        Ok(())
    }

    /// The expression of an assert, whose value is judged outside.
    pub fn expression(&mut self, expression: &str) -> Judged<()> {
        let head = Cursor::new(expression).identifier();
        let calls = expression[head.len()..].contains('(');
        if calls && self.is(head, Kind::Own) {
            return Err(refused(
                expression,
                "it is the test's own and asks nothing of the answer",
            ));
        }
        self.kind(expression, 0).map(|_| ())
    }

    fn statement(&mut self, body: &str, column: usize) -> Judged<()> {
        let word = Cursor::new(body).identifier();
        match word {
            "def" | "class" | "async" => {
                self.definition = Some(column);
                let is_name = |word: &&str| !matches!(*word, "def" | "class" | "async");
                let name = scan::words(body).map(|(_, word)| word).find(is_name);
                self.bind(name.unwrap_or_default(), Kind::Own);
                self.bind(parameters(body), Kind::Own);
                self.must_be_own(body) // what stands on the same line, or as a default
            }
            "import" | "from" => {
                self.bind(body, Kind::Own);
                Ok(())
            }
            "for" => self.repeated(body, column),
            "pass" | "else" | "try" | "finally" => match body.split_once(':') {
                Some((_, rest)) if !rest.trim().is_empty() => self.statement(rest.trim(), column),
                _ => Ok(()),
            },
            "while" => match body["while".len()..].trim_end().strip_suffix(':') {
                Some(condition) => self.kind(condition, 0).map(|_| ()),
                None => self.must_be_own(body),
            },
            "if" | "elif" | "with" | "except" | "del" | "global" | "return" | "raise" | "match" => {
                self.must_be_own(body)
            }
            _ => self.simple(body),
        }
    }

    /// `for NAMES in OWN:`, with a body on the same line or on the lines that follow.
    fn repeated(&mut self, body: &str, column: usize) -> Judged<()> {
        let marks = scan::operators(body)?;
        let inside = marks.iter().find(|mark| mark.op == Op::In);
        let colon = marks.iter().find(|mark| &body[mark.start..mark.end] == ":");
        let (Some(inside), Some(colon)) = (inside, colon) else {
            return Err(refused(body, "such a loop cannot be judged"));
        };
        self.must_be_own(&body[inside.end..colon.start])?;
        self.bind(&body["for".len()..inside.start], Kind::Own);
        match body[colon.end..].trim() {
            "" => Ok(()),
            rest => self.statement(rest, column),
        }
    }

    /// An assignment or an expression.
    fn simple(&mut self, body: &str) -> Judged<()> {
        let marks = scan::operators(body)?;
        let equals: Vec<_> = marks
            .iter()
            .filter(|mark| &body[mark.start..mark.end] == "=")
            .collect();
        let Some(last) = equals.last() else {
            if !self.kept(body)? {
                self.kind(body, 0)?;
            }
            return Ok(());
        };
        let value = body[last.end..].trim();
        let kind = if scan::operators(value)?
            .iter()
            .any(|mark| mark.op == Op::Comma)
        {
            self.all(value, 0)?
        } else {
            self.kind(value, 0)?
        };
        let mut start = 0;
        for mark in equals {
            self.assign(body[start..mark.start].trim(), kind)?;
            start = mark.end;
        }
        Ok(())
    }

    /// `LIST.append(RETURNED)`: the list holds the answer's values from now on.
    fn kept(&mut self, body: &str) -> Judged<bool> {
        let name = Cursor::new(body).identifier();
        let is_list = self.is(name, Kind::Own) || self.is(name, Kind::Kept);
        let rest = body[name.len()..].trim_start().strip_prefix('.');
        let Some(rest) = rest.filter(|_| is_list && !self.is_own(body)) else {
            return Ok(false);
        };
        for method in ["append", "extend", "add"] {
            if let Some(inside) = scan::call_of(rest.trim(), method) {
                self.kind(inside, 1)?;
                self.bind(name, Kind::Kept);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn assign(&mut self, target: &str, kind: Kind) -> Judged<()> {
        let target = target.split(':').next().unwrap_or_default().trim(); // without an annotation
        let is_plain = target
            .chars()
            .all(|symbol| symbol.is_alphanumeric() || "_, ()[]*\n\t".contains(symbol))
            && !target.contains(|symbol: char| symbol == '[' && !target.starts_with('['));
        if !is_plain {
            // An attribute, an item, or `+=`: its own value would be met by what is assigned.
            return match kind {
                Kind::Own => self.must_be_own(target),
                _ => Err(refused(
                    target,
                    "the answer's value is kept in plain names only",
                )),
            };
        }
        self.bind(target, kind);
        Ok(())
    }

    /// Every word of `names` stands for `kind` from now on.
    fn bind(&mut self, names: &str, kind: Kind) {
        let words = scan::words(names).map(|(_, name)| (name.to_owned(), kind));
        self.names.extend(words);
    }

    fn is(&self, name: &str, kind: Kind) -> bool {
        self.names.get(name) == Some(&kind)
    }

    fn must_be_own(&self, source: &str) -> Judged<()> {
        if self.is_own(source) {
            Ok(())
        } else {
            Err(refused(
                source,
                "the answer's value would meet something of the test's inside the child",
            ))
        }
    }

    /// Whether the source has nothing to do with the answer.
    fn is_own(&self, source: &str) -> bool {
        let compares = scan::compares(source);
        let bound = bound_names(source);
        let is_known = |name: &str| {
            is_known_other(name) || self.names.contains_key(name) || bound.contains(name)
        };
        !scan::words(source).any(|(at, name)| {
            if contains(CODE_FROM_TEXT, name) {
                return true;
            }
            let before = source[..at].trim_end();
            let after = source[at + name.len()..].trim_start();
            if before.ends_with('.') && !before.ends_with("..") {
                return false;
            }
            let kind = self.names.get(name);
            if name == "Solution" || kind.is_some_and(|kind| *kind != Kind::Own) {
                return true;
            }
            if after.starts_with(['"', '\'']) {
                // A prefix: an f-string holds code.
                return name.contains(['f', 'F'])
                    && scan::words_of_text(after)
                        .any(|word| !is_known(word) || !self.is_own(word));
            }
            let is_keyword = after.starts_with('=') && !after.starts_with("==");
            !is_known(name) && (after.starts_with('(') || (compares && !is_keyword))
        })
    }

    /// Every part of a sequence; `Own` if all are.
    fn all(&mut self, source: &str, nesting: usize) -> Judged<Kind> {
        let mut whole = Kind::Own;
        for part in scan::split_commas(source)? {
            let kind = self.kind(part, nesting)?;
            whole = if kind == Kind::Own {
                whole
            } else {
                Kind::Returned
            };
        }
        Ok(whole)
    }

    fn kind(&mut self, expression: &str, nesting: usize) -> Judged<Kind> {
        let expression = expression.trim();
        if nesting > MAX_NESTING {
            return Err(refused(expression, "it nests too deep"));
        }
        if self.is_own(expression) {
            return Ok(Kind::Own);
        }
        if scan::is_one_bracket(expression) && !expression.starts_with('{') {
            let inside = &expression[1..expression.len() - 1];
            return self.display(inside, nesting + 1);
        }
        for name in CONVERSIONS.split(' ').filter(|name| !name.is_empty()) {
            if let Some(inside) = scan::call_of(expression, name)
                && let [only] = scan::split_commas(inside)?.as_slice()
            {
                return self.kind(only, nesting + 1).map(|_| Kind::Returned);
            }
        }
        self.chain(expression, nesting)
    }

    /// The inside of parentheses or of a list: one expression, several, or `EXPR for NAMES in OWN`.
    fn display(&mut self, inside: &str, nesting: usize) -> Judged<Kind> {
        let marks = scan::operators(inside)?;
        let repeats = marks
            .iter()
            .position(|mark| &inside[mark.start..mark.end] == "for");
        let Some(place) = repeats else {
            return self.all(inside, nesting);
        };
        let [inner @ .., first, second] = marks.as_slice() else {
            return Err(refused(inside, "such a comprehension cannot be judged"));
        };
        if place != inner.len() || second.op != Op::In {
            return Err(refused(inside, "such a comprehension cannot be judged"));
        }
        self.must_be_own(&inside[second.end..])?;
        self.bind(&inside[first.end..second.start], Kind::Own);
        self.all(&inside[..first.start], nesting)?;
        Ok(Kind::Returned)
    }

    /// A name followed by attributes, calls and subscripts.
    fn chain(&mut self, expression: &str, nesting: usize) -> Judged<Kind> {
        let not_chain = "only calls of the answer's own code may meet its values inside the child";
        let head = scan::chain_head(expression).ok_or_else(|| refused(expression, not_chain))?;
        let rest = expression[head.len()..].trim_start();
        let known = self.names.get(head).copied();
        let is_other = is_known_other(head) || contains(CODE_FROM_TEXT, head);
        let mut kind = match known {
            Some(Kind::Kept) => Some(Kind::Returned),
            Some(Kind::Own) => return Err(refused(expression, JUDGED_BY_ANOTHER)),
            None if is_other => return Err(refused(expression, JUDGED_BY_ANOTHER)),
            known => known, // None: a class or function of the answer
        };
        let mut cursor = Cursor::new(rest);
        while !cursor.is_at_end() {
            cursor.brackets = 1;
            cursor.skip_space();
            let (start, opens) = (cursor.at, cursor.peek());
            if opens == b'.' {
                cursor.at += 1;
                cursor.skip_space();
                cursor.at += identifier_length(&rest[cursor.at..]);
                kind = match (kind, scan::opens_call(&rest[cursor.at..])) {
                    (Some(Kind::Instance) | None, true) => kind,
                    _ => Some(Kind::Returned),
                };
                continue;
            }
            scan::skip_brackets(&mut cursor)?;
            let inside = &rest[start + 1..cursor.at - 1];
            let is_method = rest[..start]
                .trim_end()
                .ends_with(|last: char| last.is_alphanumeric() || last == '_');
            kind = Some(if opens == b'[' {
                self.subscript(expression, inside, kind, nesting + 1)?
            } else {
                self.call(expression, head, inside, kind, is_method, nesting + 1)?
            });
            cursor.skip_space();
        }
        Ok(kind.unwrap_or(Kind::Returned))
    }

    fn subscript(
        &mut self,
        whole: &str,
        inside: &str,
        of: Option<Kind>,
        nesting: usize,
    ) -> Judged<Kind> {
        let is_shared = of == Some(Kind::Shared);
        if self.is_own(inside) {
            Ok(if is_shared {
                Kind::Shared
            } else {
                Kind::Returned
            })
        } else if is_shared {
            // A list that the answer was given, cut by a number that it returned.
            for part in inside.split(':').filter(|part| !part.trim().is_empty()) {
                self.kind(part, nesting)?;
            }
            Ok(Kind::Returned)
        } else {
            Err(refused(whole, "the answer's value would be told a key"))
        }
    }

    /// A call of the answer's class, of a method of its object, or of what it returned.
    fn call(
        &mut self,
        whole: &str,
        head: &str,
        inside: &str,
        of: Option<Kind>,
        is_method: bool,
        nesting: usize,
    ) -> Judged<Kind> {
        let mut kinds = Vec::new();
        for part in scan::split_commas(inside)? {
            let part = part.trim_start_matches('*');
            let value = match part.split_once('=') {
                Some((name, value)) if is_name(name.trim()) && !value.starts_with('=') => value,
                _ => part,
            };
            kinds.push(self.kind(value, nesting)?);
            for (_, name) in scan::words(value) {
                if self.is(name, Kind::Own) {
                    self.bind(name, Kind::Shared);
                }
            }
        }
        let has = |kind| kinds.contains(&kind);
        let is_class = head.starts_with(char::is_uppercase);
        let (allowed, gives) = match of {
            Some(Kind::Shared) => (false, Kind::Returned),
            Some(Kind::Returned) => (kinds.is_empty(), Kind::Returned),
            None if !is_method && is_class => (!has(Kind::Returned), Kind::Instance),
            None if !is_method => (!has(Kind::Returned) && !has(Kind::Instance), Kind::Returned),
            _ => (!(has(Kind::Returned) && has(Kind::Own)), Kind::Returned),
        };
        if allowed {
            Ok(gives)
        } else {
            Err(refused(
                whole,
                "the answer's value would be told what stands beside it",
            ))
        }
    }
}

fn is_known_other(name: &str) -> bool {
    contains(NOT_THE_ANSWER, name) || contains(KNOWN, name)
}

pub(super) fn contains(list: &str, name: &str) -> bool {
    list.split(' ')
        .any(|known| known == name && !name.is_empty())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && identifier_length(text) == text.len()
}

/// Names between the first brackets of a `def`.
fn parameters(definition: &str) -> &str {
    definition.split_once('(').map_or("", |(_, rest)| rest)
}

/// Names that comprehensions and lambdas of the source bind.
fn bound_names(source: &str) -> HashSet<&str> {
    let mut bound = HashSet::new();
    let mut binds = false;
    for (at, name) in scan::words(source) {
        match name {
            "for" | "lambda" => binds = true,
            "in" => binds = false,
            _ if binds => {
                bound.insert(name);
                let after = source[at + name.len()..].trim_start();
                if after.starts_with(':') {
                    binds = false;
                }
            }
            _ => {}
        }
    }
    bound
}
