//! Test strings → what to run in the rollout's process, and what must hold of what it returns.
//!
//! The expected value never becomes part of what is run: a test whose two sides cannot be told apart is
//! refused, with the offending part quoted and the accepted forms listed. Comments are dropped for the same
//! reason.
//!
//! # What is accepted
//!
//! Any statements, then asserts at the left margin, possibly with statements between them. Of an assert: one of
//! the forms in [`ACCEPTED_FORMS`](crate::error::ACCEPTED_FORMS), literal on either side, parenthesised or not;
//! a message after a comma is ignored. `CALL` is a name followed by attributes, calls and subscripts, and may be
//! wrapped in `list(…)` or `tuple(…)`. `assert CALL` asks for Python's truth of the value, as Python does.
//!
//! Inside the child, nothing of the test's may meet the answer's value, or the answer would be told what is expected
//! and could decide the test itself: see [`flow`].

mod condition;
mod flow;

use self::flow::Flow;
use crate::check::Check;
use crate::error::{AssertionError, shortened};
use crate::literal::Cursor;
use crate::scan;
use crate::value::Value;

/// One test: its steps run in order in one fresh namespace; it holds if every step holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// At least one.
    pub steps: Vec<Step>,
}

/// One assert.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What to run.
    pub call: CallForm,
    /// What must hold of the result.
    pub check: Check,
}

/// What the rollout's process runs for one assert.
#[derive(Clone, Debug, PartialEq)]
pub enum CallForm {
    /// `Solution().method(*args, **kwargs)`.
    Direct {
        /// The method's name.
        method: String,
        /// Positional arguments.
        args: Vec<Value>,
        /// Keyword arguments, in order, names distinct.
        kwargs: Vec<(String, Value)>,
    },
    /// Python source: execute the prelude, then evaluate the expression.
    Source {
        /// The statements since the previous assert; may be empty.
        prelude: String,
        /// One expression.
        expression: String,
    },
}

impl Test {
    /// Whether the test is one [`CallForm::Direct`]; the steps of any other test are all [`CallForm::Source`].
    #[must_use]
    pub fn is_direct(&self) -> bool {
        let [only] = self.steps.as_slice() else {
            return false;
        };
        matches!(only.call, CallForm::Direct { .. })
    }
}

/// Reads every test of a job.
///
/// # Errors
/// [`AssertionError::NoTests`], or [`AssertionError::InTest`] for the first one that cannot be graded.
pub fn parse_tests<S: AsRef<str>>(tests: &[S]) -> Result<Vec<Test>, AssertionError> {
    if tests.is_empty() {
        return Err(AssertionError::NoTests);
    }
    let parse = |(index, text): (usize, &S)| {
        parse_test(text.as_ref()).map_err(|source| AssertionError::InTest {
            index,
            source: Box::new(source),
        })
    };
    tests.iter().enumerate().map(parse).collect()
}

/// Reads one test.
///
/// # Errors
/// Any [`AssertionError`] but the two of [`parse_tests`].
pub fn parse_test(text: &str) -> Result<Test, AssertionError> {
    if let Some(step) = direct_equality(text) {
        return Ok(Test { steps: vec![step] });
    }
    let asserts = asserts(text)?;
    if asserts.is_empty() {
        let found = shortened(text);
        return Err(AssertionError::NoAssert { found });
    }
    let direct = match asserts.as_slice() {
        [only] => only.direct(),
        _ => None,
    };
    let steps = if let Some(step) = direct {
        vec![step]
    } else {
        let mut flow = Flow::default();
        let steps = asserts.iter().map(|assert| assert.source(&mut flow));
        steps.collect::<Result<_, _>>()?
    };
    Ok(Test { steps })
}

/// One condition of one assert, before it is known what form its call takes.
struct Assert<'a> {
    prelude: String,
    expression: &'a str,
    check: Check,
}

impl Assert<'_> {
    fn direct(&self) -> Option<Step> {
        let call = condition::direct(self.expression).filter(|_| self.prelude.is_empty())?;
        let check = self.check.clone();
        Some(Step { call, check })
    }

    fn source(&self, flow: &mut Flow) -> Result<Step, AssertionError> {
        flow.prelude(&self.prelude)?;
        let expression = condition::source(self.expression, flow)?;
        let prelude = self.prelude.clone();
        let call = CallForm::Source {
            prelude,
            expression,
        };
        let check = self.check.clone();
        Ok(Step { call, check })
    }
}

/// Every condition of every assert, with the statements before it.
fn asserts(text: &str) -> Result<Vec<Assert<'_>>, AssertionError> {
    let mut found = Vec::new();
    let mut after_assert = 0;
    let mut trailing = None;
    for statement in scan::statements(text)? {
        let body = &text[statement.start..statement.end];
        trailing = Some(body);
        if !statement.is_simple {
            if scan::any_word(body, |word| word == "assert") {
                return Err(refused(
                    body,
                    "an assert inside a block cannot be judged alone",
                ));
            }
            continue;
        }
        let Some(condition) = assert_body(body) else {
            continue;
        };
        let mut prelude = statements_alone(&text[after_assert..statement.start]);
        for (expression, check) in condition::conditions(condition)? {
            let prelude = std::mem::take(&mut prelude);
            found.push(Assert {
                prelude,
                expression,
                check,
            });
        }
        after_assert = statement.end;
        trailing = None;
    }
    match trailing {
        Some(body) if !found.is_empty() => Err(refused(
            body,
            "statements after the last assert are not judged",
        )),
        _ => Ok(found),
    }
}

/// The source without its comments, the semicolons around it and blank lines at its ends.
fn statements_alone(source: &str) -> String {
    let source = scan::without_comments(source.trim_start_matches([';', ' ', '\t', '\r']));
    let source = source.trim_matches(['\n', '\r']).trim_end();
    source.trim_end_matches([';', ' ']).to_owned()
}

fn refused(part: &str, reason: &'static str) -> AssertionError {
    AssertionError::NotAccepted {
        part: shortened(part),
        reason,
    }
}

/// What stands after `assert`, message included.
fn assert_body(statement: &str) -> Option<&str> {
    let rest = statement.strip_prefix("assert")?;
    let next = rest.chars().next();
    let goes_on = next.is_some_and(|symbol| symbol == '_' || symbol.is_alphanumeric());
    (!goes_on).then(|| rest.trim())
}

/// The form that nearly all tests have, in one pass; `None` for any other.
fn direct_equality(text: &str) -> Option<Step> {
    let mut cursor = Cursor::new(text.trim());
    if cursor.identifier() != "assert" {
        return None;
    }
    cursor.at = "assert".len();
    cursor.skip_space();
    let call = direct_call(&mut cursor)?;
    cursor.skip_space();
    if !(cursor.eat(b'=') && cursor.eat(b'=')) {
        return None;
    }
    cursor.skip_space();
    let check = Check::Equals(cursor.value(0).ok()?);
    cursor.skip_space();
    cursor.is_at_end().then_some(Step { call, check })
}

/// `Solution().method(literals)` that begins at the cursor; `None` for anything else.
fn direct_call(cursor: &mut Cursor<'_>) -> Option<CallForm> {
    if cursor.identifier() != "Solution" {
        return None;
    }
    cursor.at += "Solution".len();
    for token in [b'(', b')', b'.'] {
        cursor.skip_space();
        if !cursor.eat(token) {
            return None;
        }
    }
    cursor.skip_space();
    let method = cursor.identifier().to_owned();
    cursor.at += method.len();
    cursor.skip_space();
    if method.is_empty() || !cursor.eat(b'(') {
        return None;
    }
    cursor.brackets += 1;
    let mut args = Vec::new();
    let mut kwargs: Vec<(String, Value)> = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.eat(b')') {
            break;
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
    cursor.brackets -= 1;
    Some(CallForm::Direct {
        method,
        args,
        kwargs,
    })
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

/// The method of `Solution` that the tests call: the first that any of them names.
#[must_use]
pub fn func_name_from(tests: &[Test]) -> Option<String> {
    let mut calls = tests
        .iter()
        .flat_map(|test| &test.steps)
        .map(|step| &step.call);
    calls.find_map(|call| match call {
        CallForm::Direct { method, .. } => Some(method.clone()),
        CallForm::Source {
            prelude,
            expression,
        } => solution_method(expression).or_else(|| solution_method(prelude)),
    })
}

/// The name in `Solution().name`, wherever it stands.
fn solution_method(source: &str) -> Option<String> {
    source.match_indices("Solution").find_map(|(at, _)| {
        let mut cursor = Cursor::new(source);
        cursor.at = at + "Solution".len();
        for token in [b'(', b')', b'.'] {
            cursor.skip_space();
            if !cursor.eat(token) {
                return None;
            }
        }
        cursor.skip_space();
        let name = cursor.identifier();
        (!name.is_empty()).then(|| name.to_owned())
    })
}
