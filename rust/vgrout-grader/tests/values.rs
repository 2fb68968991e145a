//! Values: their bytes, their literals, their equality and their decoys.

mod strategies;

use std::time::Instant;

use num_bigint::BigInt;
use proptest::prelude::*;
use strategies::value;
use vgrout_grader::assertion::{Test, parse_tests};
use vgrout_grader::codec::{Budget, decode, encode};
use vgrout_grader::decoy::decoys;
use vgrout_grader::error::{DecodeError, LiteralError};
use vgrout_grader::literal::parse_literal;
use vgrout_grader::value::{Text, Value, python_eq};

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes);
    bytes
}

fn decoded(bytes: &[u8]) -> Result<Value, DecodeError> {
    decode(bytes, &Budget::default())
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(value in value()) {
        prop_assert_eq!(decoded(&encoded(&value)), Ok(value));
    }

    #[test]
    fn a_cut_or_prolonged_message_is_refused(value in value(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encoded(&value);
        prop_assert!(decoded(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(decoded(&bytes).is_err());
    }

    #[test]
    fn what_decodes_from_random_bytes_has_those_bytes(bytes in prop::collection::vec(prop_oneof![0_u8..18, any::<u8>()], 0..60)) {
        if let Ok(value) = decoded(&bytes) {
            let is_nan = format!("{value:?}").contains("NaN");
            prop_assert!(is_nan || encoded(&value) == bytes);
        }
    }

    #[test]
    fn a_changed_byte_gives_another_value_or_an_error(value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bytes = encoded(&value);
        let mut changed = bytes.clone();
        let index = at.index(bytes.len());
        changed[index] = byte;
        if let Ok(other) = decoded(&changed) {
            prop_assert!(byte == bytes[index] || encoded(&other) != bytes);
        }
    }

    #[test]
    fn a_printed_value_reads_back_equal(value in value()) {
        let printed = value.to_string();
        let again = parse_literal(&printed);
        prop_assert!(again.is_ok(), "{printed}: {again:?}");
        prop_assert!(python_eq(&again.expect("checked"), &value) || printed.contains("_node(["), "{printed}");
    }

    #[test]
    fn a_printed_value_is_what_its_test_expects(value in value()) {
        let printed = value.to_string();
        let tests = parse_tests(&[format!("assert Solution().f(x = {printed}) == {printed}")], None).0;
        let expected = parse_literal(&printed).expect("a literal");
        prop_assert_eq!(&tests[0].direct().expect("a direct test").expected, &expected);
    }

    #[test]
    fn equality_is_reflexive_and_symmetric(a in value(), b in value()) {
        prop_assert!(python_eq(&a, &a.clone()));
        prop_assert_eq!(python_eq(&a, &b), python_eq(&b, &a));
    }

    #[test]
    fn decoys_differ_from_the_value_and_from_each_other(value in value()) {
        let [first, second] = decoys(&value);
        prop_assert!(!python_eq(&first, &value) && !python_eq(&second, &value));
        prop_assert!(!python_eq(&first, &second));
        prop_assert!(matches!(value, Value::None) || first.type_name() == value.type_name());
        let has_two = !matches!(value, Value::None | Value::Bool(_));
        prop_assert!(!has_two || second.type_name() == value.type_name());
        prop_assert_eq!(&decoys(&value), &[first, second]);
        prop_assert!(decoded(&encoded(&decoys(&value)[1])).is_ok());
    }

    #[test]
    fn any_text_is_a_literal_or_an_error(text in "[-+0-9a-fxobjeE_.'\"\\\\\\[\\](){},: \n#ruNinf\u{e9}]{0,30}") {
        let _ = parse_literal(&text);
        let _ = parse_tests(&[format!("assert Solution().f({text}) == {text}"), text], None);
    }

    #[test]
    fn any_test_text_is_direct_or_judged(words in prop::collection::vec(prop::sample::select(vec![
        "assert", " ", "Solution", "()", ".f", "(", ")", "[", "]", "==", "in", "not", "is", "and", "1", "'", "\"", "\n", ";", "#",
        "abs", "-", "<", "sorted", "set", "len", "list_node", "is_same_list", ",", "=", "\\", "x", "\u{e9}", "'''", "None", "if", ":",
    ]), 0..25)) {
        let text = words.concat();
        let tests = parse_tests(&[format!("assert {text}"), text], None).0;
        prop_assert_eq!(tests.len(), 2);
        prop_assert!(matches!(tests[1], Test::Direct(_) | Test::Judged));
    }
}

#[test]
fn random_hostile_messages_hold_the_budget() {
    let budget = Budget {
        max_bytes: 100,
        max_depth: 3,
        max_elements: 10,
    };
    let refusal = |value: &Value| decode(&encoded(value), &budget);
    let nested =
        |depth: usize| (1..depth).fold(Value::List(vec![]), |inner, _| Value::List(vec![inner]));
    assert!(refusal(&nested(3)).is_ok());
    assert!(matches!(
        refusal(&nested(4)),
        Err(DecodeError::TooDeep { limit: 3, .. })
    ));
    assert!(refusal(&Value::List(vec![Value::None; 9])).is_ok());
    assert!(matches!(
        refusal(&Value::List(vec![Value::None; 10])),
        Err(DecodeError::TooManyElements { limit: 10, .. })
    ));
    let text = Value::Str(Text::from("a".repeat(100)));
    assert_eq!(
        refusal(&text),
        Err(DecodeError::TooLarge {
            bytes: 105,
            limit: 100
        })
    );
    let none = Budget {
        max_elements: 0,
        ..budget
    };
    assert!(matches!(
        decode(&[0], &none),
        Err(DecodeError::TooManyElements { limit: 0, .. })
    ));
}

#[test]
fn depth_stops_at_512_whatever_the_budget() {
    let budget = Budget {
        max_depth: usize::MAX,
        ..Budget::default()
    };
    let nested = |depth: usize| [[9, 1, 0, 0, 0].repeat(depth - 1), vec![9, 0, 0, 0, 0]].concat();
    assert!(decode(&nested(512), &budget).is_ok());
    assert!(matches!(
        decode(&nested(513), &budget),
        Err(DecodeError::TooDeep { limit: 512, .. })
    ));
    assert!(matches!(
        decode(&nested(200_000), &budget),
        Err(DecodeError::TooDeep { .. })
    ));
}

#[test]
fn a_count_that_the_bytes_cannot_hold_allocates_nothing() {
    for tag in [0x06_u8, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f] {
        let bytes = [tag, 0xff, 0xff, 0xff, 0xff, 0, 0];
        assert!(
            matches!(decoded(&bytes), Err(DecodeError::Truncated { .. })),
            "{tag}"
        );
    }
}

#[test]
fn every_second_spelling_is_refused() {
    for bytes in [
        &[0x04, 5, 0, 0, 0][..],                            // small int in 4 bytes
        &[0x05, 5, 0, 0, 0, 0, 0, 0, 0],                    // in 8
        &[0x06, 1, 0, 0, 0, 5],                             // as big int
        &[0x06, 0, 0, 0, 0],                                // no digits
        &[0x06, 10, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], // one byte too many
        &[0x06, 8, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1],        // fits 64 bits
        &[0x08, 2, 0, 0, 0, 0xc0, 0x80],                    // overlong
        &[0x08, 4, 0, 0, 0, 0xf4, 0x90, 0x80, 0x80],        // above U+10FFFF
        &[0x08, 2, 0, 0, 0, 0xed, 0xa0],                    // cut surrogate
        &[0x0c, 2, 0, 0, 0, 0x03, 1, 0x02],                 // {1, True}
        &[0x0c, 1, 0, 0, 0, 0x09, 0, 0, 0, 0],              // {[]}
        &[0x0b, 2, 0, 0, 0, 0x00, 0x00, 0x00, 0x01],        // {None: None, None: False}
        &[0x0b, 1, 0, 0, 0, 0x0e, 1, 0, 0, 0, 0x00, 0x00],  // a node as a key
        &[0x0e, 0, 0, 0, 0],                                // no node
        &[0x0f, 0, 0, 0, 0],
        &[0x0f, 1, 0, 0, 0, 0x10],                   // no root
        &[0x0f, 2, 0, 0, 0, 0x00, 0x10],             // ends in a missing slot
        &[0x0f, 4, 0, 0, 0, 0x00, 0x10, 0x10, 0x00], // a slot without a parent
        &[0x10],                                     // a slot outside a tree
        &[0x09, 1, 0, 0, 0, 0x10],
        &[0x11],
        &[],
    ] {
        assert!(
            decoded(bytes).is_err(),
            "{bytes:x?} gives {:?}",
            decoded(bytes)
        );
    }
}

#[test]
fn nan_loses_its_payload_and_equals_nothing() {
    let bytes = [&[0x07][..], &0xfff8_dead_beef_0001_u64.to_le_bytes()].concat();
    let Ok(Value::Float(nan)) = decoded(&bytes) else {
        panic!("no float")
    };
    assert_eq!(nan.to_bits(), f64::NAN.to_bits());
    let nan = || Value::Float(f64::NAN);
    for (a, b) in [
        (nan(), nan()),
        (Value::List(vec![nan()]), Value::List(vec![nan()])),
        (Value::Set(vec![nan()]), Value::Set(vec![nan()])),
        (
            Value::Dict(vec![(nan(), Value::None)]),
            Value::Dict(vec![(nan(), Value::None)]),
        ),
    ] {
        assert!(!python_eq(&a, &b), "{a}");
    }
    let set_of_nans = Value::Set(vec![nan(), nan()]);
    assert!(decoded(&encoded(&set_of_nans)).is_ok()); // Python allows two
}

/// Each was chosen to make a naive comparison quadratic.
#[test]
fn hostile_claims_compare_in_linear_time() {
    let count = 100_000;
    let ints = || (0..count).map(Value::Int);
    let nested = |mut value: Value| {
        for _ in 0..15 {
            value = Value::FrozenSet(vec![value]);
        }
        value
    };
    let reversed = Value::Dict(ints().rev().map(|key| (key, Value::None)).collect());
    let cases = [
        (
            Value::Set(ints().collect()),
            Value::Set(ints().rev().collect()),
        ),
        (
            Value::Dict(ints().map(|key| (key, Value::None)).collect()),
            reversed,
        ),
        (
            Value::Set(
                ints()
                    .map(|int| Value::Tuple(vec![int, Value::Float(f64::NAN)]))
                    .collect(),
            ),
            Value::Set(ints().collect()),
        ),
        (
            Value::Set(vec![nested(Value::FrozenSet(ints().collect()))]),
            Value::Set(vec![nested(Value::FrozenSet(ints().collect()))]),
        ),
        (
            Value::Set(ints().map(|int| Value::FrozenSet(vec![int])).collect()),
            Value::Set(
                ints()
                    .map(|int| Value::FrozenSet(vec![int]))
                    .rev()
                    .collect(),
            ),
        ),
    ];
    for (a, b) in cases {
        let start = Instant::now();
        let copy = decoded(&encoded(&a)).expect("it decodes");
        let _ = python_eq(&copy, &b);
        assert!(
            start.elapsed().as_secs_f64() < 20.0,
            "{:?}",
            start.elapsed()
        ); // a third of a second; quadratic, minutes
    }
    let deep = [[0x0d, 1, 0, 0, 0].repeat(17), vec![0]].concat();
    assert!(matches!(
        decoded(&deep),
        Err(DecodeError::TooDeep { limit: 16, .. })
    ));
}

#[test]
fn literals_are_read_as_python_reads_them() {
    let text = |text: &str| Value::Str(Text::from(text));
    let hex = BigInt::parse_bytes(b"ffffffffffffffffffff", 16).expect("hex");
    for (source, expected) in [
        ("0", Value::Int(0)),
        ("00_0", Value::Int(0)),
        ("1_000", Value::Int(1000)),
        ("0xFf", Value::Int(255)),
        ("0o17", Value::Int(15)),
        ("0b_101", Value::Int(5)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        (
            "--9223372036854775808",
            Value::from_bigint(BigInt::from(i64::MAX) + 1),
        ),
        ("0xffffffffffffffffffff", Value::from_bigint(hex)),
        ("-True", Value::Int(-1)),
        ("1.", Value::Float(1.0)),
        (".5e-1", Value::Float(0.05)),
        ("01.5", Value::Float(1.5)),
        ("1e1_0", Value::Float(1e10)),
        ("1e400", Value::Float(f64::INFINITY)),
        ("- inf", Value::Float(f64::NEG_INFINITY)),
        ("math.inf", Value::Float(f64::INFINITY)),
        ("float(' -Infinity ')", Value::Float(f64::NEG_INFINITY)),
        ("float(\"inf\")", Value::Float(f64::INFINITY)),
        (
            r"'\x41\u00e9\U0001F600\101\n\'\q'",
            text("A\u{e9}\u{1f600}A\n'\\q"),
        ),
        (r"r'\n\''", text("\\n\\'")),
        ("'''a\r\n'b''c'''", text("a\n'b''c")),
        ("'a\\\nb'", text("ab")),
        ("u'a' R'\\d' \"\"\"b\"\"\"", text("a\\db")),
        ("('a'\n 'b')", text("ab")),
    ] {
        assert_eq!(parse_literal(source), Ok(expected), "{source}");
    }
}

#[test]
fn containers_are_read_as_python_reads_them() {
    let text = |text: &str| Value::Str(Text::from(text));
    for (source, expected) in [
        ("(1)", Value::Int(1)),
        ("(1,)", Value::Tuple(vec![Value::Int(1)])),
        ("[ # one\n 1,\n]", Value::List(vec![Value::Int(1)])),
        ("set()", Value::Set(vec![])),
        ("{1, True, 1.0}", Value::Set(vec![Value::Int(1)])),
        ("set([1, 1])", Value::Set(vec![Value::Int(1)])),
        ("frozenset({2})", Value::FrozenSet(vec![Value::Int(2)])),
        (
            "{1: 'a', True: 'b'}",
            Value::Dict(vec![(Value::Int(1), text("b"))]),
        ),
        ("list_node([])", Value::None),
        (
            "tree_node([1, None, 2, None, None])",
            Value::Tree(vec![Some(Value::Int(1)), None, Some(Value::Int(2))]),
        ),
        (
            "tree_node([1, None, None, 5])",
            Value::Tree(vec![Some(Value::Int(1))]),
        ),
        (
            "tree_node([None, 1])",
            Value::Tree(vec![Some(Value::None), Some(Value::Int(1))]),
        ),
    ] {
        assert_eq!(parse_literal(source), Ok(expected), "{source}");
    }
}

/// Text that is no literal of a value the grader compares.
const NO_LITERALS: &[&str] = &[
    "",
    "007",
    "1__0",
    "1_",
    "_1",
    "0x",
    "0xg",
    "1e",
    "1.2.3",
    "1j",
    "12abc",
    "1 2",
    "[1 2]",
    "[1,,2]",
    "[,]",
    "{1: 2, 3}",
    "{1, 2: 3}",
    "{[]}",
    "{{}: 1}",
    "b'a'",
    "f'a'",
    "rb'a'",
    "'a",
    "'a\nb'",
    "'''a''",
    r"'\x4'",
    r"'\uD8'",
    r"'\U00110000'",
    r"'\N{DASH}'",
    "'a' b'c'",
    "nan",
    "-nan",
    "float('nan')",
    "math.nan",
    "[1, float('NaN')]",
    "float('1')",
    "float(1)",
    "float('inf'",
    "math.pi",
    "true",
    "null",
    "-'a'",
    "-None",
    "+[1]",
    "1 + 2",
    "not 1",
    "set(1)",
    "set([1], [2])",
    "set([[1]])",
    "list_node(1)",
    "tree_node()",
    "(1, 2",
    "[1)",
    "x",
    "~1",
    "...",
    "None.x",
    "\0",
    "'\0'",
    "1,",
    "é",
];

#[test]
fn what_is_no_literal_is_refused() {
    for source in NO_LITERALS {
        assert!(
            parse_literal(source).is_err(),
            "{source} gives {:?}",
            parse_literal(source)
        );
    }
    let digits = |count| "9".repeat(count);
    assert!(parse_literal(&digits(4300)).is_ok());
    assert!(matches!(
        parse_literal(&digits(4301)),
        Err(LiteralError::Refused { .. })
    ));
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_literal(&nested(512)).is_ok());
    assert!(matches!(
        parse_literal(&nested(513)),
        Err(LiteralError::TooDeep { limit: 512, .. })
    ));
}
