//! Which tests are direct, what of them is graded, and which are left to the judge.

use vgrout_grader::assertion::{Call, Test, parse_tests, solution_method};
use vgrout_grader::literal::parse_literal;
use vgrout_grader::value::Value;

fn value(text: &str) -> Value {
    parse_literal(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn parsed(sources: &[&str], graded: Option<&str>) -> (Vec<Test>, Option<String>) {
    let sources: Vec<_> = sources.iter().map(|source| (*source).to_owned()).collect();
    parse_tests(&sources, graded)
}

fn call(text: &str) -> Option<(Call, Value)> {
    let (mut tests, _) = parsed(&[text], None);
    match tests.pop() {
        Some(Test::Direct(direct)) => Some((direct.call, direct.expected)),
        _ => None,
    }
}

#[test]
fn spelling_of_a_direct_test_does_not_matter() {
    let wanted = Call {
        is_method: true,
        name: "f".to_owned(),
        args: vec![value("-1")],
        kwargs: vec![
            ("a".to_owned(), value("[1, 2]")),
            ("b".to_owned(), value("'x'")),
        ],
    };
    for text in [
        "assert Solution().f(-1, a = [1, 2], b = 'x') == 3",
        "  assert  Solution( ) . f ( - 1, a=[1,2,] , b=\"x\" , )  ==  3 \n",
        "assert Solution().f(-1,\n    a=[1,  # one\n       2],\n    b='x',\n) == 3",
        "assert \\\n  Solution().f(-1, a=[1,2], b='x') == 3",
        "\r\nassert Solution().f(-1, a=[1,2], b='x') == 3\r\n",
    ] {
        let found = call(text).unwrap_or_else(|| panic!("{text:?} is judged"));
        assert_eq!(found, (wanted.clone(), value("3")), "{text:?}");
    }
}

#[test]
fn a_function_is_called_as_directly_as_a_method() {
    let (found, expected) = call("assert add(1, b=2) == 3").expect("direct");
    assert_eq!((found.is_method, found.name.as_str()), (false, "add"));
    assert_eq!((found.args, expected), (vec![value("1")], value("3")));
    // Python's own names as well: an answer may bear one.
    assert!(call("assert sum(1, 2) == 3").is_some());
}

#[test]
fn whatever_is_more_than_a_call_and_a_literal_is_judged() {
    for text in [
        "assert 3 == Solution().f(1)",
        "assert Solution().f(1) == 3, 'message'",
        "assert Solution().f(1) != 3",
        "assert Solution().f(1) in (3, 4)",
        "assert Solution().f(1) == 3 or True",
        "assert Solution().f(1) == 3 and Solution().f(2) == 4",
        "assert Solution().f(1) == 10**9 + 7",
        "assert Solution().f(n) == 3",
        "assert Solution().f(*[1]) == 3",
        "assert Solution().f(a=1, a=2) == 3",
        "assert Solution().f(a=1, 2) == 3",
        "assert Solution(2).f(1) == 3",
        "assert not (1) == 3",
        "assert f(1)(2) == 3",
        "assert f(1) == g(1)",
        "x = 3\nassert f(1) == 3",
        "assert f(1) == 3\nassert f(2) == 4",
        "assert f(1) == 3; assert f(2) == 4",
        "assert \u{ff46}(1) == 3",
        "assert Solution().\u{ff46}(1) == 3",
        "if True:\n    assert f(1) == 3",
        "def check(candidate):\n    assert candidate(1) == 3\ncheck(candidate)",
        "asserts",
        "",
    ] {
        assert_eq!(call(text), None, "{text:?}");
    }
}

#[test]
fn the_graded_name_is_the_given_one_or_what_the_direct_tests_call() {
    let graded = |sources: &[&str], given| parsed(sources, given).1;
    assert_eq!(
        graded(&["assert Solution().f(1) == 2"], None).as_deref(),
        Some("Solution")
    );
    assert_eq!(
        graded(&["x = 1", "assert f(1) == 2"], None).as_deref(),
        Some("f")
    );
    assert_eq!(
        graded(&["s = Solution().f(1)\nassert s"], None).as_deref(),
        Some("Solution")
    );
    assert_eq!(graded(&["o = Stack()\nassert o.pop() == 1"], None), None);
    assert_eq!(
        graded(&["assert f(1) == 2"], Some("g")).as_deref(),
        Some("g")
    );
}

#[test]
fn a_direct_call_of_anything_but_the_graded_name_is_judged() {
    let direct = |tests: Vec<Test>| -> Vec<bool> {
        tests.iter().map(|test| test.direct().is_some()).collect()
    };
    let sources = [
        "assert f(1) == 2",
        "assert helper(1) == 2",
        "assert Solution().f(1) == 2",
    ];
    assert_eq!(direct(parsed(&sources, None).0), [true, false, false]);
    assert_eq!(
        direct(parsed(&sources, Some("helper")).0),
        [false, true, false]
    );
    assert_eq!(
        direct(parsed(&sources, Some("Solution")).0),
        [false, false, true]
    );
    assert_eq!(
        direct(parsed(&sources, Some("other")).0),
        [false, false, false]
    );
}

#[test]
fn the_method_is_found_wherever_it_is_called() {
    let method = |text| solution_method(text);
    assert_eq!(
        method("x = sorted(Solution() .g([2, 1]))").as_deref(),
        Some("g")
    );
    assert_eq!(
        method("Solution.f; Solution(); Solution().h(1)").as_deref(),
        Some("h")
    );
    assert_eq!(method("s = Solution()\ns.f(1)"), None);
}
