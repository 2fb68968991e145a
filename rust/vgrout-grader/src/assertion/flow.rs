//! Where the answer's values may go inside the rollout's process, when a test is more than one call.
//!
//! Whatever meets the answer's value there is told to the answer: an operand, an argument, a key. So nothing may
//! meet it but the answer's own methods and Python's one-argument conversions; the rest is refused, not guessed at.

use std::collections::HashSet;

use super::refused;
use crate::error::AssertionError;
use crate::literal::{Cursor, identifier_length};
use crate::scan::{self, Op};

/// Conversions that are given nothing but the value; what they make of it is a claim like any other.
const CONVERSIONS: &str = " list tuple sorted set frozenset dict len str int float bool sum min max abs reversed \
round next iter deque Counter ";
/// Names that are no answer's: Python's, and those of the modules that setup code usually imports whole.
const KNOWN: &str = " ArithmeticError AssertionError AttributeError BaseException Counter Decimal Exception False \
Fraction IndexError KeyError ListNode None NotImplemented OrderedDict OverflowError RuntimeError StopIteration \
TreeNode True TypeError ValueError ZeroDivisionError abs accumulate all any array ascii asc bin bisect bisect_left \
bisect_right bool bytearray bytes callable ceil chain chr classmethod collections combinations copy count cycle \
date datetime deepcopy defaultdict delattr deque dict dir divmod enumerate exp fabs factorial filter float floor \
format frozenset functools gcd getattr globals hasattr hash heapify heappop heappush heapq hex id inf input insort \
int isclose isinstance islice issubclass iter itertools lcm len list list_node locals log log2 map math max \
memoryview min namedtuple nan next nlargest nsmallest object oct open operator ord partial permutations pi pow print \
product property randint random range re reduce repeat repr reversed round seed set setattr shuffle slice sorted \
sqrt staticmethod str string sum super takewhile timedelta tree_node tuple type uniform vars zip zip_longest \
and as assert async await break class continue def del elif else except finally for from global if import in is \
lambda nonlocal not or pass raise return try while with yield match case _ ";
/// What runs a text as code, in which no name is seen here.
const CODE_FROM_TEXT: &str = " eval exec globals locals vars __import__ __builtins__ __dict__ ";
/// How deep brackets and calls may nest.
const MAX_NESTING: usize = 32;

/// What an expression of a test gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// The test's own.
    Own,
    /// An object that the test made of one of the answer's classes.
    Instance,
    /// What the answer returned, or something taken from it.
    Returned,
}

/// The names of one test, as far as it has been read.
#[derive(Default)]
pub(super) struct Flow {
    own: HashSet<String>,
    instances: HashSet<String>,
    returned: HashSet<String>,
    /// Own names that were handed to the answer: it knows, and may have changed, what they hold.
    shared: HashSet<String>,
    /// Own lists that returned values were put in.
    containers: HashSet<String>,
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
        if calls && self.own.contains(head) && !self.shared.contains(head) {
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
                let names =
                    scan::words(body).find(|(_, name)| !matches!(*name, "def" | "class" | "async"));
                self.own.extend(names.map(|(_, name)| name.to_owned()));
                self.own.extend(parameters(body));
                self.must_be_own(body) // what stands on the same line, or as a default
            }
            "import" | "from" => {
                self.own
                    .extend(scan::words(body).map(|(_, name)| name.to_owned()));
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
        let names = scan::words(&body["for".len()..inside.start]);
        self.own.extend(names.map(|(_, name)| name.to_owned()));
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
        let is_list = self.own.contains(name) || self.containers.contains(name);
        let rest = body[name.len()..].trim_start().strip_prefix('.');
        let Some(rest) = rest.filter(|_| is_list && !self.is_own(body)) else {
            return Ok(false);
        };
        for method in ["append", "extend", "add"] {
            if let Some(inside) = scan::call_of(rest.trim(), method) {
                self.kind(inside, 1)?;
                self.own.remove(name);
                self.containers.insert(name.to_owned());
                self.returned.insert(name.to_owned());
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
        for (_, name) in scan::words(target) {
            for names in [
                &mut self.own,
                &mut self.instances,
                &mut self.returned,
                &mut self.shared,
            ] {
                names.remove(name);
            }
            let names = match kind {
                Kind::Own => &mut self.own,
                Kind::Instance => &mut self.instances,
                Kind::Returned => &mut self.returned,
            };
            names.insert(name.to_owned());
        }
        Ok(())
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
        let is_known =
            |name: &str| contains(KNOWN, name) || self.own.contains(name) || bound.contains(name);
        !scan::words(source).any(|(at, name)| {
            if contains(CODE_FROM_TEXT, name) {
                return true;
            }
            let before = source[..at].trim_end();
            let after = source[at + name.len()..].trim_start();
            if before.ends_with('.') && !before.ends_with("..") {
                return false;
            }
            if name == "Solution" || self.instances.contains(name) || self.returned.contains(name) {
                return true;
            }
            if after.starts_with(['"', '\'']) {
                // A prefix: an f-string holds code.
                return name.contains(['f', 'F'])
                    && scan::words_of_text(after).any(|word| !is_known(word));
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
        let names = scan::words(&inside[first.end..second.start]);
        self.own.extend(names.map(|(_, name)| name.to_owned()));
        self.all(&inside[..first.start], nesting)?;
        Ok(Kind::Returned)
    }

    /// A name followed by attributes, calls and subscripts.
    fn chain(&mut self, expression: &str, nesting: usize) -> Judged<Kind> {
        let not_chain = "only calls of the answer's own code may meet its values inside the child";
        let head = scan::chain_head(expression).ok_or_else(|| refused(expression, not_chain))?;
        let rest = expression[head.len()..].trim_start();
        let mut kind = if self.returned.contains(head) {
            Some(Kind::Returned)
        } else if self.instances.contains(head) {
            Some(Kind::Instance)
        } else if self.shared.contains(head) {
            Some(Kind::Own)
        } else if self.own.contains(head) || contains(KNOWN, head) || contains(CODE_FROM_TEXT, head)
        {
            return Err(refused(
                expression,
                "what another function makes of the answer proves nothing",
            ));
        } else {
            None // a class or function of the answer
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
                    (Some(Kind::Own), _) => return Err(refused(expression, not_chain)),
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
        if of == Some(Kind::Own) {
            // A list that the answer was given, cut by a number that it returned.
            for part in inside.split(':').filter(|part| !part.trim().is_empty()) {
                self.kind(part, nesting)?;
            }
            return Ok(Kind::Returned);
        }
        if self.is_own(inside) {
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
            let words = scan::words(value).map(|(_, name)| name);
            let shared: Vec<_> = words
                .filter(|name| self.own.contains(*name))
                .map(str::to_owned)
                .collect();
            self.shared.extend(shared);
        }
        let has = |kind| kinds.contains(&kind);
        let is_class = head.starts_with(char::is_uppercase);
        let (allowed, gives) = match of {
            Some(Kind::Own) => (false, Kind::Returned),
            Some(Kind::Returned) => (kinds.is_empty(), Kind::Returned),
            None if !is_method && is_class => (!has(Kind::Returned), Kind::Instance),
            None if !is_method => (kinds.iter().all(|kind| *kind == Kind::Own), Kind::Returned),
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

fn contains(list: &str, name: &str) -> bool {
    list.split(' ')
        .any(|known| known == name && !name.is_empty())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && identifier_length(text) == text.len()
}

/// Names between the first brackets of a `def`.
fn parameters(definition: &str) -> Vec<String> {
    let inside = definition.split_once('(').map_or("", |(_, rest)| rest);
    scan::words(inside)
        .map(|(_, name)| name.to_owned())
        .collect()
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
