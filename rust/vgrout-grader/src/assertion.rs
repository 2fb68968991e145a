//! Test strings → what to ask of the rollout's process, and what must come back.
//!
//! `assert Solution().f(LITERALS) == LITERAL`, or the same of a function, is *direct*: its two sides are told apart
//! here, the call alone goes to the answer's process, and the value is compared in the host. Every other test is
//! *judged*: it runs whole, as ordinary Python, in a process of its own that asks the answer's for its calls.

use crate::literal::Cursor;
use crate::value::Value;

/// One test.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// A call and the literal that it must equal.
    Direct(Box<Direct>),
    /// Any other Python.
    Judged,
}

/// `assert CALL == LITERAL`.
#[derive(Clone, Debug, PartialEq)]
pub struct Direct {
    /// What to call.
    pub call: Call,
    /// What Python's `==` must hold with.
    pub expected: Value,
}

/// `Solution().name(*args, **kwargs)`, or `name(*args, **kwargs)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Of a fresh `Solution`.
    pub is_method: bool,
    /// The method's or function's name.
    pub name: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments, in order, names distinct.
    pub kwargs: Vec<(String, Value)>,
}

impl Call {
    /// The name that the answer must define.
    #[must_use]
    pub fn owner(&self) -> String {
        let owner = if self.is_method {
            "Solution"
        } else {
            &self.name
        };
        owner.to_owned()
    }
}

impl Test {
    /// Its call and expected value, where it has one.
    #[must_use]
    pub fn direct(&self) -> Option<&Direct> {
        match self {
            Self::Direct(direct) => Some(direct),
            Self::Judged => None,
        }
    }
}

/// Reads the tests of a job whose graded name is `graded`, or the callee of the first direct test where that is None.
///
/// A call of anything else is the test's own affair, so such a test is judged. Gives the graded name as well.
#[must_use]
pub fn parse_tests(sources: &[String], graded: Option<&str>) -> (Vec<Test>, Option<String>) {
    let mut graded = graded.map(str::to_owned);
    let tests = sources
        .iter()
        .map(|source| match direct(source) {
            Some(direct)
                if graded.get_or_insert_with(|| direct.call.owner()) == &direct.call.owner() =>
            {
                Test::Direct(Box::new(direct))
            }
            _ => Test::Judged,
        })
        .collect();
    let named = || sources.iter().find_map(|source| solution_method(source));
    let graded = graded.or_else(|| named().map(|_| "Solution".to_owned()));
    (tests, graded)
}

fn direct(text: &str) -> Option<Direct> {
    let mut cursor = Cursor::new(text.trim());
    if cursor.identifier() != "assert" {
        return None;
    }
    cursor.at = "assert".len();
    cursor.skip_space();
    let call = call(&mut cursor)?;
    cursor.skip_space();
    if !(cursor.eat(b'=') && cursor.eat(b'=')) {
        return None;
    }
    cursor.skip_space();
    let expected = cursor.value(0).ok()?;
    cursor.skip_space();
    cursor.is_at_end().then_some(Direct { call, expected })
}

/// The call that begins at the cursor; `None` for anything else.
fn call(cursor: &mut Cursor<'_>) -> Option<Call> {
    let mut name = take_name(cursor)?;
    let is_method = name == "Solution";
    if is_method {
        for token in [b'(', b')', b'.'] {
            cursor.skip_space();
            if !cursor.eat(token) {
                return None;
            }
        }
        cursor.skip_space();
        name = take_name(cursor)?;
    } else if LANGUAGE.split_whitespace().any(|word| word == name) {
        return None;
    }
    cursor.skip_space();
    if !cursor.eat(b'(') {
        return None;
    }
    cursor.brackets += 1;
    let (args, kwargs) = arguments(cursor)?;
    cursor.brackets -= 1;
    Some(Call {
        is_method,
        name,
        args,
        kwargs,
    })
}

/// What Python's grammar reads otherwise: `not (…)` is no call.
const LANGUAGE: &str = "not await lambda yield";

fn take_name(cursor: &mut Cursor<'_>) -> Option<String> {
    let name = cursor.identifier().to_owned();
    cursor.at += name.len();
    // Python folds other letters into these: only it can tell what such a name is.
    (!name.is_empty() && name.is_ascii()).then_some(name)
}

type Arguments = (Vec<Value>, Vec<(String, Value)>);

fn arguments(cursor: &mut Cursor<'_>) -> Option<Arguments> {
    let mut args = Vec::new();
    let mut kwargs: Vec<(String, Value)> = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.eat(b')') {
            return Some((args, kwargs));
        }
        if let Some(name) = keyword(cursor) {
            if kwargs.iter().any(|(other, _)| *other == name) {
                return None;
            }
            kwargs.push((name, cursor.value(0).ok()?));
        } else if kwargs.is_empty() {
            args.push(cursor.value(0).ok()?);
        } else {
            return None;
        }
        cursor.skip_space();
        if !cursor.eat(b',') && cursor.peek() != b')' {
            return None;
        }
    }
}

/// `name =`, taken if it is there.
fn keyword(cursor: &mut Cursor<'_>) -> Option<String> {
    let start = cursor.at;
    let name = cursor.identifier();
    if !name.is_empty() {
        cursor.at += name.len();
        cursor.skip_space();
        if cursor.peek_at(1) != b'=' && cursor.eat(b'=') {
            cursor.skip_space();
            return Some(name.to_owned());
        }
        cursor.at = start;
    }
    None
}

/// The method of `Solution` that a test names first.
#[must_use]
pub fn solution_method(test: &str) -> Option<String> {
    test.match_indices("Solution").find_map(|(at, _)| {
        let mut cursor = Cursor::new(test);
        cursor.at = at + "Solution".len();
        for token in [b'(', b')', b'.'] {
            cursor.skip_space();
            if !cursor.eat(token) {
                return None;
            }
        }
        cursor.skip_space();
        take_name(&mut cursor)
    })
}
