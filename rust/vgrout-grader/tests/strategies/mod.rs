//! Arbitrary values for property tests.

use num_bigint::BigInt;
use proptest::prelude::*;
use vgrout_grader::value::{Text, Value};

fn text() -> impl Strategy<Value = Text> {
    let point = prop_oneof![
        4 => 0x20_u32..0x7f,
        1 => 0_u32..0x20,
        1 => prop::sample::select(vec![0x22_u32, 0x27, 0x5c, 0xa0, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0x2028, 0x1_f600, 0x10_ffff]),
        1 => 0_u32..0x11_0000,
    ];
    prop::collection::vec(point, 0..8).prop_map(|points| {
        let mut text = Text::default();
        for point in points {
            assert!(text.push_code_point(point));
        }
        text
    })
}

fn bigint() -> impl Strategy<Value = BigInt> {
    let limbs = prop::collection::vec(any::<u32>(), 1..6);
    (any::<bool>(), limbs).prop_map(|(is_negative, limbs)| {
        let magnitude = limbs
            .iter()
            .fold(BigInt::from(1), |sum, limb| (sum << 32_u32) + *limb);
        if is_negative { -magnitude } else { magnitude }
    })
}

fn float() -> impl Strategy<Value = f64> {
    let special = vec![
        0.0,
        -0.0,
        1.0,
        0.1,
        1e22,
        1e300,
        5e-324,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    prop_oneof![
        prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        prop::sample::select(special),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        (-3_i64..4).prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int),
        bigint().prop_map(Value::from_bigint),
        float().prop_map(Value::Float),
        text().prop_map(Value::Str),
    ]
}

/// What Python can hash.
fn key() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(2, 6, 3, |inner| {
        let items = prop::collection::vec(inner, 0..3);
        prop_oneof![
            items.clone().prop_map(Value::Tuple),
            items.prop_map(|items| Value::frozenset(items).expect("hashable")),
        ]
    })
}

/// Any value but NaN.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 5, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            items().prop_map(Value::List),
            items().prop_map(Value::Tuple),
            items().prop_map(Value::linked_list),
            items().prop_map(Value::tree),
            prop::collection::vec(key(), 0..5)
                .prop_map(|items| Value::set(items).expect("hashable")),
            prop::collection::vec(key(), 0..5)
                .prop_map(|items| Value::frozenset(items).expect("hashable")),
            prop::collection::vec((key(), inner.clone()), 0..5)
                .prop_map(|pairs| Value::dict(pairs).expect("hashable")),
        ]
    })
}
