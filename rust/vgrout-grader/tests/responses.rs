//! Which part of a chat answer is code.

use std::time::Instant;

use proptest::prelude::*;
use vgrout_grader::response::{self, Extract};

fn taken(text: &str, how: Extract, graded: Option<&str>) -> Option<String> {
    let code = response::extract_code(text.as_bytes(), how, graded)?;
    Some(String::from_utf8(code).expect("text stays text"))
}

fn extract_code(text: &str) -> Option<String> {
    taken(text, Extract::Joined, None)
}

#[test]
fn blocks_are_found_by_their_label() {
    for (text, code) in [
        ("```python\nx = 1\n```", Some("x = 1")),
        ("Sure:\n\n```py\nx = 1\n\n```\nbye", Some("x = 1\n")),
        ("```Python3\nx = 1\n```", Some("x = 1")),
        ("```PY\nx = 1\n```", Some("x = 1")),
        ("``` python \nx = 1\n```", Some("x = 1")),
        ("```python title=\"a.py\"\nx = 1\n```", Some("x = 1")),
        ("```\nx = 1\n```", Some("x = 1")),
        ("````\nx = 1\n```\ny\n````", Some("x = 1\n```\ny")),
        ("```python3.11\nx = 1\n```", Some("x = 1")),
        ("```py3\nx = 1\n```", Some("x = 1")),
        ("```{.python}\nx = 1\n```", Some("x = 1")),
        ("```{python echo=FALSE}\nx = 1\n```", Some("x = 1")),
        ("```python:solution.py\nx = 1\n```", Some("x = 1")),
        ("```python,linenos\nx = 1\n```", Some("x = 1")),
        ("~~~python\nx = 1\n~~~", Some("x = 1")),
        ("~~~~\nx = 1\n~~~\ny = 2\n~~~~", Some("x = 1\n~~~\ny = 2")),
        ("~~~python\n'''\n```\n'''\n~~~", Some("'''\n```\n'''")),
        ("```json\n{}\n```\n```python\nx = 1\n```", Some("x = 1")),
        ("```js\nx\n```", None),
        ("```python2\nx\n```", None),
        ("```pythonic\nx\n```", None),
        ("```pypy\nx\n```", None),
        ("```python-repl\nx\n```", None),
        ("```{.r}\nx\n```", None),
        ("x = 1", None),
        ("", None),
        ("``x = 1``", None),
        ("```python x = 1```", None),
        ("```python\n```", None),
        ("```python\n   \n\t\n```", None),
    ] {
        assert_eq!(extract_code(text).as_deref(), code, "{text:?}");
    }
}

#[test]
fn prose_may_stand_before_the_fence_on_its_line() {
    for (text, code) in [
        ("use ```python\nx = 1\n```", Some("x = 1")),
        ("Here: ```\nx = 1\n```", Some("x = 1")),
        ("\u{feff}```python\nx = 1\n```", Some("x = 1")),
        ("</think>```python\nx = 1\n```", Some("x = 1")),
        (
            "<answer>```py\nx = 1\n```</answer>\n```py\ny = 2\n```",
            Some("x = 1\n\ny = 2"),
        ),
        (
            "1. ```python\n   def f():\n       pass\n   ```",
            Some("def f():\n    pass"),
        ),
        (
            "1. ```python\ndef f():\n    pass\n```",
            Some("def f():\n    pass"),
        ),
        (
            "so ```python\ndef f():\n    pass\n```",
            Some("def f():\n    pass"),
        ),
        ("use ```json\n{}\n```", None),
        ("the `f` in ```python\nx\n```", None),
    ] {
        assert_eq!(extract_code(text).as_deref(), code, "{text:?}");
    }
}

#[test]
fn a_markdown_block_is_looked_into() {
    for (text, code) in [
        ("````markdown\n```python\nx = 1\n```\n````", Some("x = 1")),
        (
            "```md\nSo:\n```python\nx = 1\n```\nthat is it\n```",
            Some("x = 1"),
        ),
        (
            "```markdown\n# x = 1\n```\n```py\ny = 2\n```",
            Some("y = 2"),
        ),
        ("```markdown\n# x = 1\n```", None),
    ] {
        assert_eq!(extract_code(text).as_deref(), code, "{text:?}");
    }
}

const ANSWER: &str = "class Solution:\n    def f(self):\n        return 1";

#[test]
fn the_last_complete_block_that_defines_the_graded_name_is_the_answer() {
    let fenced = format!("```python\n{ANSWER}\n```");
    for text in [
        format!("```\nInput: n = 3\n```\n\n{fenced}"),
        format!("{fenced}\nprints\n```\n1\n```"),
        format!("```python\nclass Solution:\n    def f(self):\n```\nso\n{fenced}"),
        format!("{fenced}\nTry it:\n```python\n>>> Solution().f()\n1\n```"),
        format!("{fenced}\n```python\nprint(Solution().f())\nsolution = 2\n```"),
        format!("{fenced}\n```python\nclass Solutions:\n    pass\n```"),
        format!("{fenced}\n```python\nclass Solution:\n    def f("),
        format!("<think>\n```python\nclass Solution: (\n</think>\n{fenced}"),
        format!("hm\n</think>{fenced}"),
        format!("<answer>{fenced}</answer>"),
        format!("{ANSWER}\n```"),
        format!("{ANSWER}\n```\n\n```python\nprint(Solution().f())\n```"),
    ] {
        let code = taken(&text, Extract::Last, Some("Solution"));
        assert_eq!(code.as_deref(), Some(ANSWER), "{text}");
    }
}

#[test]
fn without_a_complete_definition_the_last_block_stands_for_itself() {
    for (text, graded, code) in [
        (
            "```python\nx = 1\n```\n```python\ny = 2\n```",
            Some("f"),
            Some("y = 2"),
        ),
        (
            "```python\nx = 1\n```\n```python\ny = (",
            Some("f"),
            Some("x = 1"),
        ),
        ("```python\ndef f(): pass", Some("f"), Some("def f(): pass")),
        (
            "```python\nf = lambda: 1\n```\n```python\nf()\n```",
            Some("f"),
            Some("f = lambda: 1"),
        ),
        (
            "```python\nf: int = 1\n```\n```python\nf == 1\n```",
            Some("f"),
            Some("f: int = 1"),
        ),
        (
            "```python\nclass A: pass\n```\n```python\nA()\n```",
            None,
            Some("class A: pass"),
        ),
        ("x = 1\n```\nno", Some("f"), Some("no")),
        ("no code", Some("f"), None),
        ("", None, None),
    ] {
        assert_eq!(
            taken(text, Extract::Last, graded).as_deref(),
            code,
            "{text:?}"
        );
    }
}

#[test]
fn a_reply_cut_off_while_thinking_has_no_code() {
    let draft = format!("<think>\nmaybe\n```python\n{ANSWER}\n```\nlet me check");
    assert_eq!(taken(&draft, Extract::Last, Some("Solution")), None);
    let twice = format!("<think>a</think>\nno\n  {draft}");
    assert_eq!(taken(&twice, Extract::Last, Some("Solution")), None);
    let told = "```python\nclass Solution:\n    tag = '<think>'\n```";
    assert!(
        taken(told, Extract::Last, Some("Solution")).is_some(),
        "a text that names the tag is no thinking"
    );
}

#[test]
fn raw_takes_the_reply_as_it_is() {
    assert_eq!(
        taken(" x = 1\r\n", Extract::Raw, None).as_deref(),
        Some(" x = 1\r\n")
    );
    assert_eq!(taken(" \n", Extract::Raw, None), None);
    assert_eq!(
        "all"
            .parse::<Extract>()
            .expect_err("no such way")
            .to_string(),
        "extract: \"all\" is unknown; expected joined, last or raw"
    );
}

#[test]
fn blocks_are_joined_by_a_blank_line() {
    let text = "one\n```python\na = 1\n```\ntwo\n```\nb = 2\n```\nthree\n```sh\nls\n```\n```py\nc = 3\n```";
    assert_eq!(
        extract_code(text).as_deref(),
        Some("a = 1\n\nb = 2\n\nc = 3")
    );
}

#[test]
fn a_block_ends_where_a_reader_sees_its_end() {
    for (text, code) in [
        ("```python\nx = 1", "x = 1"),
        ("```python\nx = 1\n", "x = 1"),
        ("```python\na\n```\n```python\nb", "a\n\nb"),
        ("```python\nx = 1```\nprose", "x = 1"),
        ("```python\nx = 1\n``` \nprose", "x = 1"),
        ("```python\nx = 1\n`````\nprose", "x = 1"),
        ("```python\ns = '```'\ny = 1\n```", "s = '```'\ny = 1"),
        ("```python\ns = '``` and ```\n```", "s = '``` and ```"),
        ("```python\na\n```python\nb\n```", "a\n\nb"),
        ("```python\nx = 1\n  ```\nprose", "x = 1"),
        (
            "```python\n'''\n        ```\n'''\n```",
            "'''\n        ```\n'''",
        ),
        (
            "1. so:\n   ```python\n   def f():\n       pass\n   ```\n2. no",
            "def f():\n    pass",
        ),
        ("\t```python\n\tx = 1\n\t```", "x = 1"),
        ("```python\r\nx = 1\r\ny = 2\r\n```\r\n", "x = 1\ny = 2"),
        (
            "```python\nx = '\u{e9}\u{1f600}'\n```",
            "x = '\u{e9}\u{1f600}'",
        ),
        ("```python\nx = '\0'\n```", "x = '\0'"),
    ] {
        assert_eq!(extract_code(text).as_deref(), Some(code), "{text:?}");
    }
}

#[test]
fn a_lone_surrogate_is_kept_in_code_and_harmless_elsewhere() {
    let surrogate = b"\xed\xa0\x80";
    let text = [
        &b"hm "[..],
        surrogate,
        b"\n```python\nx = '",
        surrogate,
        b"'\n```",
    ]
    .concat();
    assert_eq!(
        response::extract_code(&text, Extract::Joined, None),
        Some([b"x = '", &surrogate[..], b"'"].concat())
    );
}

#[test]
fn fifty_megabytes_take_linear_time() {
    let size = 50 << 20;
    for unit in [
        "`",
        "```",
        "```\n",
        "```python\n",
        "x```\n",
        "    ",
        "\n",
        "a",
        "`````python\n```",
    ] {
        let text = format!("```python\n{}", unit.repeat(size / unit.len()));
        let start = Instant::now();
        for how in Extract::ALL {
            let _ = response::extract_code(text.as_bytes(), how, Some("Solution"));
        }
        assert!(
            start.elapsed().as_secs_f64() < 60.0,
            "{unit:?}: {:?}",
            start.elapsed()
        ); // a second on a busy machine; quadratic, days
    }
}

fn line() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("```".to_owned()),
        Just("````".to_owned()),
        Just("python".to_owned()),
        Just("py".to_owned()),
        Just("    ".to_owned()),
        Just("\r".to_owned()),
        "[a-z`~ \u{e9}\t=]{0,6}",
    ];
    prop::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_gives_code_that_stood_in_it(lines in prop::collection::vec(line(), 0..20)) {
        let text = lines.join("\n");
        if let Some(code) = extract_code(&text) {
            for line in code.lines() {
                prop_assert!(text.contains(line));
            }
            prop_assert!(!code.trim().is_empty());
            prop_assert!(text.contains("```") || text.contains("~~~"));
        }
    }

    #[test]
    fn code_without_backticks_comes_back_unchanged(code in "[a-z ]{0,5}[a-z=\n ]{0,60}[a-z]", prose in "[a-z\n ]{0,40}") {
        let fenced = format!("{prose}\n```python\n{code}\n```\n{prose}");
        prop_assert_eq!(extract_code(&fenced), Some(code));
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let fenced = [&b"```\n"[..], &bytes].concat();
        for how in Extract::ALL {
            let _ = response::extract_code(&fenced, how, Some("f"));
        }
    }
}
