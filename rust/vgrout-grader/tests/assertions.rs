//! Which tests are read, into what, and which are refused.

use vgrout_grader::assertion::{CallForm, Step, Test, func_name_from, parse_test, parse_tests};
use vgrout_grader::check::{Check, Singleton};
use vgrout_grader::error::AssertionError;
use vgrout_grader::literal::parse_literal;
use vgrout_grader::value::Value;

fn value(text: &str) -> Value {
    parse_literal(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn direct(method: &str, args: &[&str], kwargs: &[(&str, &str)]) -> CallForm {
    CallForm::Direct {
        method: method.to_owned(),
        args: args.iter().map(|text| value(text)).collect(),
        kwargs: kwargs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), value(text)))
            .collect(),
    }
}

fn source(prelude: &str, expression: &str) -> CallForm {
    CallForm::Source {
        prelude: prelude.to_owned(),
        expression: expression.to_owned(),
    }
}

fn parsed(text: &str) -> Test {
    parse_test(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn only_step(text: &str) -> Step {
    let mut steps = parsed(text).steps;
    assert_eq!(steps.len(), 1, "{text}");
    steps.remove(0)
}

#[test]
fn spelling_of_a_direct_test_does_not_matter() {
    let call = direct("f", &[], &[("a", "[1, 2]"), ("b", "'x'")]);
    for text in [
        "assert Solution().f(a = [1, 2], b = 'x') == 3",
        "  assert  Solution( ) . f ( a=[1,2,] , b=\"x\" , )  ==  3 \n",
        "assert(Solution().f(a=[1,2],b='x')==3)",
        "assert (Solution().f(a=[1,2],b='x')) == (3)",
        "assert 3 == Solution().f(a=[1,2], b='x')",
        "assert Solution().f(a=[1,2], b='x') == 3, 'message == 4'",
        "assert Solution().f(a=[1,2], b='x') == 3  # comment == 5",
        "assert Solution().f(\n    a=[1,  # one\n       2],\n    b='x',\n) == 3",
        "assert \\\n  Solution().f(a=[1,2], b='x') == 3",
        "assert Solution().f(a=[1,2], b='x') == 3;",
        "\r\nassert Solution().f(a=[1,2], b='x') == 3\r\n",
    ] {
        assert_eq!(
            only_step(text),
            Step {
                call: call.clone(),
                check: Check::Equals(Value::Int(3))
            },
            "{text}"
        );
    }
}

#[test]
fn arguments_that_are_no_literals_go_to_the_child_as_source() {
    for (text, expression) in [
        ("assert Solution().f([0] * 3) == 3", "Solution().f([0] * 3)"),
        (
            "assert Solution().f(10 ** 9, x=-1) == 3",
            "Solution().f(10 ** 9, x=-1)",
        ),
        ("assert Solution().f(b'a') == 3", "Solution().f(b'a')"),
        ("assert Solution().f(*[1, 2]) == 3", "Solution().f(*[1, 2])"),
        ("assert add(1, 2) == 3", "add(1, 2)"),
        (
            "assert Solution().f(1)[0].val == 3",
            "Solution().f(1)[0].val",
        ),
        ("assert list(Solution().f(1)) == 3", "list(Solution().f(1))"),
        ("assert LRU(2).get(1) == 3", "LRU(2).get(1)"),
        (
            "assert Solution().f(float('nan')) == 3",
            "Solution().f(float('nan'))",
        ),
        (
            "assert Solution().f([1, # == 7\n 1 + 1]) == 3",
            "(Solution().f([1, \n 1 + 1]))",
        ),
    ] {
        let step = only_step(text);
        assert_eq!(
            step,
            Step {
                call: source("", expression),
                check: Check::Equals(Value::Int(3))
            },
            "{text}"
        );
    }
}

#[test]
fn statements_before_an_assert_become_its_prelude_without_comments() {
    let parsed_test = parsed("nums = [3, 1]; Solution().sortIt(nums); assert nums == [1, 3]");
    let call = source("nums = [3, 1]; Solution().sortIt(nums)", "nums");
    assert_eq!(
        parsed_test.steps,
        [Step {
            call,
            check: Check::Equals(value("[1, 3]"))
        }]
    );

    let script = "o = LRU(2)  # expects 1\no.put(1, '#')\nassert o.get(1) == '#'  # yes: 5\n\no.put(2, 2); o.put(3, 3)\nassert o.get(2) == -1\n";
    let expected = [
        (source("o = LRU(2)  \no.put(1, '#')", "o.get(1)"), "'#'"),
        (source("o.put(2, 2); o.put(3, 3)", "o.get(2)"), "-1"),
    ];
    let expected = expected.map(|(call, text)| Step {
        call,
        check: Check::Equals(value(text)),
    });
    assert_eq!(parsed(script).steps, expected);

    let script = "t = Trie()\nfor word in ['a', 'b']:\n    t.insert(word)\n\nassert t.search('a')\nassert not t.search('c'); assert t.size == 2";
    let prelude = "t = Trie()\nfor word in ['a', 'b']:\n    t.insert(word)";
    let expected = [
        Step {
            call: source(prelude, "t.search('a')"),
            check: Check::Truthy(true),
        },
        Step {
            call: source("", "t.search('c')"),
            check: Check::Truthy(false),
        },
        Step {
            call: source("", "t.size"),
            check: Check::Equals(Value::Int(2)),
        },
    ];
    assert_eq!(parsed(script).steps, expected);
}

#[test]
fn a_test_of_several_steps_is_all_source() {
    for text in [
        "assert Solution().f(1) == 2\nassert Solution().f(2) == 3",
        "assert Solution().f(1) == 2 and Solution().f(2) == 3",
    ] {
        let test = parsed(text);
        assert!(!test.is_direct());
        let calls: Vec<_> = test.steps.into_iter().map(|step| step.call).collect();
        let expected = [source("", "Solution().f(1)"), source("", "Solution().f(2)")];
        assert_eq!(calls, expected, "{text}");
    }
    assert!(parsed("assert (Solution().f(1)) in [2]").is_direct());
}

/// `condition` about `Solution().f(1)` is parsed into that call and `check`.
fn assert_direct(condition: &str, check: Check) {
    let text = format!("assert {condition}");
    let call = direct("f", &["1"], &[]);
    assert_eq!(only_step(&text), Step { call, check }, "{text}");
}

#[test]
fn wrapped_calls_keep_their_direct_form() {
    let close = |strict| Check::Close {
        expected: value("2.5"),
        tolerance: value("1e-5"),
        strict,
    };
    for (condition, check) in [
        (
            "sorted(Solution().f(1)) == [1, 2]",
            Check::Sorted(value("[1, 2]")),
        ),
        (
            "sorted(Solution().f(1)) == sorted([2, 1])",
            Check::Sorted(value("[1, 2]")),
        ),
        (
            "set(Solution().f(1)) == {1, 2}",
            Check::SetOf(value("{1, 2}")),
        ),
        (
            "set(Solution().f(1)) == set([1, 2])",
            Check::SetOf(value("{1, 2}")),
        ),
        ("len(Solution().f(1)) == 2", Check::Len(2)),
        (
            "Solution().f(1) in ['a', 'b']",
            Check::In(value("['a', 'b']")),
        ),
        ("3 in Solution().f(1)", Check::Contains(value("3"))),
        (
            "Solution().f(1) not in ()",
            Check::Not(Box::new(Check::In(value("()")))),
        ),
        (
            "Solution().f(1) != 3",
            Check::Not(Box::new(Check::Equals(value("3")))),
        ),
        ("Solution().f(1) is None", Check::Is(Singleton::None)),
        (
            "Solution().f(1) is not True",
            Check::Not(Box::new(Check::Is(Singleton::True))),
        ),
        ("not Solution().f(1)", Check::Truthy(false)),
        ("abs(Solution().f(1) - 2.5) < 1e-5", close(true)),
        ("abs((2.5 - Solution().f(1))) <= 1e-5", close(false)),
        ("1e-5 > abs(Solution().f(1) - 2.5)", close(true)),
        (
            "math.isclose(Solution().f(1), 2, abs_tol=1e-6)",
            Check::IsClose {
                expected: 2.0,
                rel_tol: 1e-9,
                abs_tol: 1e-6,
            },
        ),
    ] {
        assert_direct(condition, check);
    }
}

#[test]
fn nodes_and_plain_comparisons_keep_their_direct_form() {
    for (condition, check) in [
        (
            "is_same_list(Solution().f(1), list_node([1]))",
            Check::SameList(value("list_node([1])")),
        ),
        (
            "is_same_list(list_node([]), Solution().f(1))",
            Check::SameList(Value::None),
        ),
        (
            "is_same_tree(Solution().f(1), tree_node([1, None, 2]))",
            Check::SameTree(value("tree_node([1, None, 2])")),
        ),
        (
            "Solution().f(1) == -inf",
            Check::Equals(Value::Float(f64::NEG_INFINITY)),
        ),
        ("Solution().f(1) == (1,)", Check::Equals(value("(1,)"))),
        ("Solution().f(1) == ()", Check::Equals(Value::Tuple(vec![]))),
        ("() == Solution().f(1)", Check::Equals(Value::Tuple(vec![]))),
        (
            "Solution().f(1) == 'a\\n' \"b\"",
            Check::Equals(value("'a\\nb'")),
        ),
    ] {
        assert_direct(condition, check);
    }
}

/// Tests whose check would have to run in the child.
const NOT_JUDGED_OUTSIDE: &[&str] = &[
    "assert Solution().f(1) == g(2)",
    "assert Solution().f(1) == expected",
    "assert Solution().f(1) == 10 ** 9",
    "assert Solution().f(1) == [0] * 3",
    "assert Solution().f(1) == float('nan')",
    "assert Solution().f(1) == [1, math.nan]",
    "assert Solution().f(1) == b'a'",
    "assert Solution().f(1) == 1j",
    "assert 1 == 1",
    "assert True",
    "assert [1, 2]",
    "assert (Solution().f(1) == 2, 'always true')",
    "assert Solution().f(1) == 1 == 1",
    "assert 0 < Solution().f(1) < 3",
    "assert Solution().f(1) > 3",
    "assert Solution().f(1) == 1 or True",
    "assert Solution().f(1) - 3 == 0",
    "assert (Solution().f(1) == 3) == True",
    "assert (Solution().f(1) == 3) is True",
    "assert [Solution().f(1)] == [3]",
    "assert all(x == y for x, y in zip(Solution().f(1), [1, 2]))",
    "assert any([Solution().f(1) == 3])",
    "assert bool(Solution().f(1) == 3) == True",
    "assert isinstance(Solution().f(1), int)",
    "assert sum([Solution().f(1), -3]) == 0",
    "assert Counter(Solution().f(1)) == {1: 2}",
    "assert sorted(Solution().f(1), key=len) == [1]",
    "assert sorted(Solution().f(1)) == (1, 2)",
    "assert sorted(Solution().f(1)) == sorted([1, 'a'])",
    "assert len(Solution().f(1)) == 'a'",
    "assert set(Solution().f(1)) == [1]",
    "assert check(Solution().f(1), 3)",
    "assert check(Solution().f(1), 3) == True",
    "assert check(Solution().f(1), 3) != False",
    "ok = Solution().f(1) == 3\nassert ok",
    "ok = Solution().f(1) == 3\nassert ok == True",
    "ok = Solution().f(1) == 3\nassert Box(ok).get() is True",
    "def check(x):\n    return x == 3\nassert check(o)",
    "for i in range(3):\n    assert Solution().f(i) == 3",
    "if True: assert Solution().f(1) == 3",
    "assert Solution().f(1) == 3\nprint('done')",
    "assert (lambda: Solution().f(1))() == 3",
    "assert (x := Solution().f(1)) == 3",
    "assert not Solution().f(1) == 3 and not 4",
    "assert Solution().f(1) is 3",
    "assert Solution().f(1) in 3",
    "assert abs(Solution().f(1) - 3) < -1",
    "assert abs(Solution().f(1) - 3 - 4) < 1",
    "assert abs(Solution().f(1) - 'a') < 1",
    "assert abs(Solution().f(1)) < 1",
    "assert is_same_list(Solution().f(1), [1])",
    "assert is_same_tree(Solution().f(1), list_node([1]))",
    "assert math.isclose(Solution().f(1), 'a')",
    "assert math.isclose(Solution().f(1), 1, 2)",
    "assert",
    "",
    "# assert Solution().f(1) == 3",
    "Solution().f(1) == 3",
    "'assert Solution().f(1) == 3'",
    "assertSolution().f(1) == 3",
    "assert Solution().f(1) == ",
    "assert Solution().f((1) == 3",
    "assert Solution().f(1)) == 3",
    "assert Solution().f([1)] == 3",
    "assert Solution().f('1) == 3",
    "assert Solution().f(1) == '''3",
    "assert Solution().f(1) == 3 4",
    "assert Solution().f(1) = 3",
];

/// Each would put the expected value, or the decision itself, into the child, or judges nothing.
#[test]
fn tests_that_cannot_be_judged_outside_are_refused() {
    for text in NOT_JUDGED_OUTSIDE {
        assert!(
            parse_test(text).is_err(),
            "accepted: {text} as {:?}",
            parse_test(text)
        );
    }
}

#[test]
fn a_refusal_quotes_the_part_and_lists_the_accepted_forms() {
    let error = parse_test("assert Solution().f(1) == float('nan')").expect_err("refused");
    let text = error.to_string();
    for part in ["float('nan')", "NaN equals nothing", "`CALL == LITERAL`"] {
        assert!(text.contains(part), "{text}");
    }
    let tests = ["assert Solution().f(1) == 1", "assert g(f) > 3"];
    let error = parse_tests(&tests).expect_err("refused");
    assert!(
        error
            .to_string()
            .starts_with("tests[1]: `g(f) > 3` cannot be graded"),
        "{error}"
    );
    assert_eq!(parse_tests::<&str>(&[]), Err(AssertionError::NoTests));
}

#[test]
fn the_expected_value_is_in_nothing_that_the_child_gets() {
    for (text, secret) in [
        (
            "o = A()\nassert o.get(1) == 'SECRET'  # SECRET\nassert o.get(2) == 5, 'SECRET'",
            "SECRET",
        ),
        ("assert f(1 + 1) in [77]  # 77", "77"),
        ("assert abs(f(1 + 1) - 77) < 1", "77"),
        ("assert sorted(f(1 + 1)) == sorted([77, 5])", "77"),
        ("assert is_same_list(f(1 + 1), list_node([77]))", "77"),
        ("assert f(1 + 1, # 77\n) == 77", "77"),
    ] {
        for step in parsed(text).steps {
            let CallForm::Source {
                prelude,
                expression,
            } = step.call
            else {
                panic!("{text}")
            };
            assert!(
                !prelude.contains(secret) && !expression.contains(secret),
                "{text}: {prelude} {expression}"
            );
        }
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("not ", ""),
        ("{1: ", "}"),
        ("-", ""),
        ("f(", ")"),
        ("list(", ")"),
        ("Solution().f(", ")"),
        ("sorted([", "])"),
    ] {
        let times = 500_000 / (open.len() + close.len()).max(5);
        let deep = format!("{}1{}", open.repeat(times), close.repeat(times));
        let _ = parse_test(&format!("assert Solution().f({deep}) == 1"));
        let _ = parse_test(&format!("assert Solution().f(1) == {deep}"));
        let _ = parse_test(&format!("assert {deep}"));
        let _ = parse_test(&format!("assert {deep} == [3]"));
        let _ = parse_test(&format!("x = {deep}\nassert x == [3]"));
        let _ = parse_literal(&deep);
    }
    let chain = vec!["f(1) == 1"; 10_000].join(" and ");
    assert_eq!(parsed(&format!("assert {chain}")).steps.len(), 10_000);
}

#[test]
fn the_method_name_comes_from_the_first_test_that_has_one() {
    let name = |tests: &[&str]| func_name_from(&parse_tests(tests).expect("tests"));
    assert_eq!(
        name(&["assert Solution().twoSum(1) == 1"]).as_deref(),
        Some("twoSum")
    );
    assert_eq!(
        name(&["assert o.f() == 1", "x = Solution( ).g(1)\nassert x == 1"]).as_deref(),
        Some("g")
    );
    assert_eq!(name(&["assert LRU(1).get(1) == 1"]), None);
}
