//! Equality and checks against what the reference interpreter said (`tests/golden/generate.py`).

use serde_json::Value as Json;
use vgrout_grader::assertion::parse_test;
use vgrout_grader::literal::parse_literal;
use vgrout_grader::value::{Value, python_eq};

fn table(text: &str) -> Json {
    serde_json::from_str(text).expect("the golden file is JSON")
}

fn strings(json: &Json) -> Vec<&str> {
    json.as_array()
        .expect("a list")
        .iter()
        .map(|item| item.as_str().expect("a string"))
        .collect()
}

fn values(texts: &[&str]) -> Vec<Value> {
    texts
        .iter()
        .map(|text| parse_literal(text).unwrap_or_else(|error| panic!("{text}: {error}")))
        .collect()
}

#[test]
fn python_eq_agrees_with_cpython_on_every_pair() {
    let golden = table(include_str!("golden/equality.json"));
    let texts = strings(&golden["values"]);
    let values = values(&texts);
    let mut wrong = Vec::new();
    for (row, a) in strings(&golden["rows"]).iter().zip(0..) {
        for (expected, b) in row.bytes().zip(0..) {
            let (a, b): (usize, usize) = (a, b);
            if python_eq(&values[a], &values[b]) != (expected == b'1') {
                wrong.push(format!("{} == {}", texts[a], texts[b]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn checks_hold_exactly_where_the_assert_passes_in_cpython() {
    let golden = table(include_str!("golden/asserts.json"));
    let texts = strings(&golden["claims"]);
    let claims = values(&texts);
    let mut wrong = Vec::new();
    for (row, form) in strings(&golden["rows"])
        .iter()
        .zip(strings(&golden["forms"]))
    {
        let test =
            parse_test(&format!("assert {form}")).unwrap_or_else(|error| panic!("{form}: {error}"));
        for ((expected, claim), text) in row.bytes().zip(&claims).zip(&texts) {
            let holds = test.steps.iter().all(|step| step.check.holds(claim));
            if holds != (expected == b'1') {
                wrong.push(format!(
                    "{form}  with  {text}: CPython says {}",
                    char::from(expected)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn printed_values_read_back_as_themselves() {
    let golden = table(include_str!("golden/asserts.json"));
    for text in strings(&golden["claims"]) {
        let value = parse_literal(text).expect(text);
        let printed = value.to_string();
        let again = parse_literal(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
        assert_eq!(again, value, "{printed}");
    }
}
