//! The condition of one assert → the expression to evaluate and the check on its value.

use super::flow::{Flow, contains};
use super::{CallForm, direct_call, refused};
use crate::check::{Check, Singleton, is_tolerance, sorted_literal};
use crate::equality::number;
use crate::error::{AssertionError, LiteralError, shortened};
use crate::literal::{Cursor, parse_literal};
use crate::ordering::{as_float, small_int};
use crate::scan::{self, Mark, Op};
use crate::value::Value;

/// An expression for the rollout's process and what must hold of its value.
type Condition<'a> = (&'a str, Check);
type Conditions<'a> = Result<Vec<Condition<'a>>, AssertionError>;

/// How deep `and`, `not`, brackets and calls may nest.
pub(super) const MAX_NESTING: usize = 32;

/// The conditions that an assert joins with `and`; its message is ignored.
pub(super) fn conditions(assert: &str) -> Conditions<'_> {
    let marks = scan::operators(assert)?;
    let message = marks.iter().find(|mark| mark.op == Op::Comma);
    let condition = message.map_or(assert, |comma| &assert[..comma.start]);
    all_of(condition.trim(), 0)
}

fn all_of(text: &str, nesting: usize) -> Conditions<'_> {
    if nesting > MAX_NESTING {
        return Err(refused(text, "it nests too deep"));
    }
    if let Some(inside) = in_parentheses(text) {
        return all_of(inside, nesting + 1);
    }
    let marks = scan::operators(text)?;
    if marks.iter().any(|mark| mark.op == Op::Comma) {
        return Err(refused(text, "a tuple is always true"));
    }
    if let Some(other) = marks.iter().find(|mark| mark.op == Op::Other) {
        return Err(refused(
            &text[other.start..],
            "such an operator would be evaluated in the child",
        ));
    }
    let ands: Vec<&Mark> = marks.iter().filter(|mark| mark.op == Op::And).collect();
    if !ands.is_empty() {
        let starts = std::iter::once(0).chain(ands.iter().map(|mark| mark.end));
        let ends = ands.iter().map(|mark| mark.start).chain([text.len()]);
        let mut joined = Vec::new();
        for (start, end) in starts.zip(ends) {
            joined.extend(all_of(text[start..end].trim(), nesting + 1)?);
        }
        return Ok(joined);
    }
    match marks.as_slice() {
        [] => truth(text).map(|condition| vec![condition]),
        [not, ..] if not.op == Op::Not && not.start == 0 => {
            let mut negated = all_of(text[not.end..].trim(), nesting + 1)?;
            match (negated.pop(), negated.is_empty()) {
                (Some((expression, check)), true) => Ok(vec![(expression, negate(check))]),
                _ => Err(refused(text, "`not` stands before one condition only")),
            }
        }
        [mark] if mark.op.is_comparison() => {
            let left = text[..mark.start].trim();
            let right = text[mark.end..].trim();
            comparison(text, left, mark.op, right).map(|condition| vec![condition])
        }
        [.., mark] if mark.op.is_comparison() => Err(refused(
            text,
            "one comparison of a call with a literal is expected",
        )),
        _ => Err(refused(
            text,
            "arithmetic on the answer's value would be evaluated in the child",
        )),
    }
}

fn negate(check: Check) -> Check {
    match check {
        Check::Truthy(truth) => Check::Truthy(!truth),
        Check::Not(check) => *check,
        check => Check::Not(Box::new(check)),
    }
}

fn in_parentheses(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?;
    scan::is_one_bracket(text).then(|| inside.trim())
}

fn bare(mut text: &str) -> &str {
    for _ in 0..MAX_NESTING {
        match in_parentheses(text) {
            Some(inside) => text = inside,
            None => break,
        }
    }
    text
}

fn comparison<'a>(
    whole: &'a str,
    left: &'a str,
    op: Op,
    right: &'a str,
) -> Result<Condition<'a>, AssertionError> {
    match op {
        Op::Eq => equality(left, right),
        Op::Ne => equality(left, right).map(|(expression, check)| (expression, negate(check))),
        Op::In => membership(left, right),
        Op::NotIn => membership(left, right).map(|(expression, check)| (expression, negate(check))),
        Op::Is => identity(left, right),
        Op::IsNot => identity(left, right).map(|(expression, check)| (expression, negate(check))),
        Op::Lt | Op::Le => closeness(whole, left, op == Op::Lt, right),
        _ => closeness(whole, right, op == Op::Gt, left),
    }
}

/// A literal, or `sorted(literal)`.
fn expected_value(text: &str) -> Result<Value, LiteralError> {
    let Some(inside) = scan::call_of(text, "sorted") else {
        return parse_literal(text);
    };
    match parse_literal(inside)? {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            sorted_literal(&items).ok_or(LiteralError::Refused {
                at: 0,
                found: shortened(text),
                reason: "its elements cannot be ordered",
            })
        }
        _ => Err(LiteralError::Refused {
            at: 0,
            found: shortened(text),
            reason: "only a literal list, tuple or set is sorted",
        }),
    }
}

/// Tells the literal side from the call: (call, literal).
fn sides<'a>(left: &'a str, right: &'a str) -> Result<(&'a str, Value), AssertionError> {
    let (left, right) = (bare_operand(left), bare_operand(right));
    let error = match expected_value(right) {
        Ok(value) => return Ok((left, value)),
        Err(error) => error,
    };
    match expected_value(left) {
        Ok(value) => Ok((right, value)),
        Err(other) => {
            let right_is_call = right.starts_with("Solution");
            let (part, source) = if right_is_call {
                (left, other)
            } else {
                (right, error)
            };
            Err(AssertionError::Expected {
                part: shortened(part),
                source,
            })
        }
    }
}

/// Without the parentheses around it, unless they make a tuple.
fn bare_operand(text: &str) -> &str {
    let inside = bare(text);
    let is_tuple = inside.is_empty()
        || scan::operators(inside).is_ok_and(|marks| marks.iter().any(|mark| mark.op == Op::Comma));
    if is_tuple { text } else { inside }
}

fn equality<'a>(left: &'a str, right: &'a str) -> Result<Condition<'a>, AssertionError> {
    let (call, value) = sides(left, right)?;
    if let Some(inside) = scan::call_of(call, "sorted") {
        return match value {
            Value::List(_) => Ok((one_argument(call, inside)?, Check::Sorted(value))),
            _ => Err(refused(
                call,
                "sorted(…) gives a list, so it is compared with a list",
            )),
        };
    }
    for name in ["set", "frozenset"] {
        if let Some(inside) = scan::call_of(call, name) {
            return match value {
                Value::Set(_) | Value::FrozenSet(_) => {
                    Ok((one_argument(call, inside)?, Check::SetOf(value)))
                }
                _ => Err(refused(
                    call,
                    "set(…) gives a set, so it is compared with a set",
                )),
            };
        }
    }
    if let Some(inside) = scan::call_of(call, "len") {
        return match small_int(&value) {
            Some(length) => Ok((one_argument(call, inside)?, Check::Len(length))),
            None => Err(refused(
                call,
                "len(…) gives an int, so it is compared with an int",
            )),
        };
    }
    Ok((call, Check::Equals(value)))
}

fn one_argument<'a>(call: &str, inside: &'a str) -> Result<&'a str, AssertionError> {
    match scan::split_commas(inside)?.as_slice() {
        [only] => Ok(bare(only)),
        _ => Err(refused(
            call,
            "only its one-argument form is judged outside the child",
        )),
    }
}

fn membership<'a>(left: &'a str, right: &'a str) -> Result<Condition<'a>, AssertionError> {
    let (left, right) = (bare_operand(left), bare_operand(right));
    match (parse_literal(left), parse_literal(right)) {
        (_, Ok(container)) => match container {
            Value::List(_)
            | Value::Tuple(_)
            | Value::Set(_)
            | Value::FrozenSet(_)
            | Value::Dict(_)
            | Value::Str(_) => Ok((left, Check::In(container))),
            _ => Err(refused(right, "nothing can be `in` it")),
        },
        (Ok(value), Err(_)) => Ok((right, Check::Contains(value))),
        (Err(_), Err(source)) => Err(AssertionError::Expected {
            part: shortened(right),
            source,
        }),
    }
}

fn identity<'a>(left: &'a str, right: &'a str) -> Result<Condition<'a>, AssertionError> {
    let (call, value) = sides(left, right)?;
    let singleton = match value {
        Value::None => Singleton::None,
        Value::Bool(true) => Singleton::True,
        Value::Bool(false) => Singleton::False,
        _ => {
            return Err(refused(
                right,
                "`is` compares with None, True or False only",
            ));
        }
    };
    Ok((call, Check::Is(singleton)))
}

/// `abs(call - number) < tolerance`, in either order of the difference.
fn closeness<'a>(
    whole: &'a str,
    distance: &'a str,
    strict: bool,
    tolerance: &'a str,
) -> Result<Condition<'a>, AssertionError> {
    let not_distance = || {
        refused(
            whole,
            "only the form abs(CALL - NUMBER) < NUMBER is ordered",
        )
    };
    let inside = scan::call_of(bare(distance), "abs").ok_or_else(not_distance)?;
    let tolerance_value = parse_literal(tolerance).map_err(|source| AssertionError::Expected {
        part: shortened(tolerance),
        source,
    })?;
    if !is_tolerance(&tolerance_value) {
        return Err(refused(tolerance, "a tolerance is a number from 0 up"));
    }
    let inside = bare(inside.trim());
    let marks = scan::operators(inside)?;
    let [minus] = marks.as_slice() else {
        return Err(not_distance());
    };
    if minus.op != Op::Minus {
        return Err(not_distance());
    }
    let (call, expected) = sides(inside[..minus.start].trim(), inside[minus.end..].trim())?;
    if number(&expected).is_none() {
        return Err(refused(inside, "only a number has a distance"));
    }
    let check = Check::Close {
        expected,
        tolerance: tolerance_value,
        strict,
    };
    Ok((call, check))
}

fn truth(text: &str) -> Result<Condition<'_>, AssertionError> {
    for name in ["math.isclose", "isclose"] {
        if let Some(inside) = scan::call_of(text, name) {
            return is_close(text, inside);
        }
    }
    for (name, is_list) in [("is_same_list", true), ("is_same_tree", false)] {
        let Some(inside) = scan::call_of(text, name) else {
            continue;
        };
        let arguments = scan::split_commas(inside)?;
        let [first, second] = arguments.as_slice() else {
            return Err(refused(text, "it takes two arguments"));
        };
        let (call, value) = sides(first, second)?;
        return match (&value, is_list) {
            (Value::LinkedList(_) | Value::None, true) => Ok((call, Check::SameList(value))),
            (Value::Tree(_) | Value::None, false) => Ok((call, Check::SameTree(value))),
            _ => Err(refused(
                text,
                "one side is list_node([…]) or tree_node([…]), or None",
            )),
        };
    }
    Ok((text, Check::Truthy(true)))
}

fn is_close<'a>(whole: &'a str, inside: &'a str) -> Result<Condition<'a>, AssertionError> {
    let arguments = scan::split_commas(inside)?;
    let [first, second, options @ ..] = arguments.as_slice() else {
        return Err(refused(whole, "math.isclose takes two numbers"));
    };
    let (call, value) = sides(first, second)?;
    let not_number = || {
        refused(
            whole,
            "math.isclose takes numbers, and rel_tol= and abs_tol=",
        )
    };
    let as_number = |value: &Value| number(value).and_then(as_float).ok_or_else(not_number);
    let expected = as_number(&value)?;
    let (mut rel_tol, mut abs_tol) = (1e-9, 0.0);
    for option in options {
        let (name, value) = option.split_once('=').ok_or_else(not_number)?;
        let value = parse_literal(value.trim()).map_err(|_| not_number())?;
        if !is_tolerance(&value) {
            return Err(not_number());
        }
        match name.trim() {
            "rel_tol" => rel_tol = as_number(&value)?,
            "abs_tol" => abs_tol = as_number(&value)?,
            _ => return Err(not_number()),
        }
    }
    let check = Check::IsClose {
        expected,
        rel_tol,
        abs_tol,
    };
    Ok((call, check))
}

/// Names that stand for no answer of the rollout's: what they make of its value is made in the child.
pub(super) const NOT_THE_ANSWER: &str = " abs all any ascii bin bool bytearray bytes callable chr classmethod complex \
Counter collections copy defaultdict deepcopy delattr dict dir divmod enumerate eval exec filter float format \
frozenset functools getattr globals hasattr hash heapq hex id input int is_same_list is_same_tree isclose isinstance \
issubclass iter itertools len locals map math max memoryview min next np numpy object oct open operator ord pow print \
property range re reduce repr reversed round set setattr slice sorted str string sum super type vars zip \
False None True and as assert async await break class continue def del elif else except finally for from global if \
import in is lambda list_node nonlocal not or pass raise return tree_node try while with yield ";

/// The expression as a [`CallForm::Direct`], if it has that form.
pub(super) fn direct(expression: &str) -> Option<CallForm> {
    let mut cursor = Cursor::new(bare(expression));
    cursor.brackets = 1;
    let call = direct_call(&mut cursor)?;
    cursor.skip_space();
    cursor.is_at_end().then_some(call)
}

/// The expression as source that the child may evaluate to the value that `check` judges.
pub(super) fn source(expression: &str, flow: &mut Flow) -> Result<String, AssertionError> {
    let expression = bare(expression);
    answer_head(expression)?;
    flow.expression(expression)?;
    let expression = scan::without_comments(expression);
    Ok(if expression.contains('\n') {
        format!("({expression})")
    } else {
        expression
    })
}

/// A call chain begins with a name that may stand for the answer's own code.
fn answer_head(mut expression: &str) -> Result<(), AssertionError> {
    for _ in 0..MAX_NESTING {
        let call = |name: &&str| scan::call_of(expression, name);
        let Some(inside) = ["list", "tuple"].iter().find_map(call) else {
            break;
        };
        expression = one_argument(expression, inside)?;
    }
    let not_call = "a call, attribute or subscript of the answer's own code is expected";
    let head = scan::chain_head(expression).ok_or_else(|| refused(expression, not_call))?;
    let is_other = contains(NOT_THE_ANSWER, head);
    if is_other || head == "list" || head == "tuple" {
        return Err(refused(
            expression,
            "what a function makes of the answer inside the child proves nothing",
        ));
    }
    Ok(())
}
