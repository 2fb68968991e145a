//! Equality against what the reference interpreter said (`tests/golden/generate.py`).

use serde_json::Value as Json;
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
fn printed_values_read_back_as_themselves() {
    let golden = table(include_str!("golden/equality.json"));
    for text in strings(&golden["values"]) {
        let value = parse_literal(text).expect(text);
        let printed = value.to_string();
        let again = parse_literal(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
        assert_eq!(again, value, "{printed}");
    }
}
