//! Which part of a chat answer is code.

use std::time::Instant;

use proptest::prelude::*;
use vgrout_grader::response::{extract_code, extract_code_bytes};

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
        ("```json\n{}\n```\n```python\nx = 1\n```", Some("x = 1")),
        ("```js\nx\n```", None),
        ("```python2\nx\n```", None),
        ("```pythonic\nx\n```", None),
        ("x = 1", None),
        ("", None),
        ("~~~python\nx = 1\n~~~", None),
        ("``x = 1``", None),
        ("```python x = 1```", None),
        ("use ```python\nx = 1\n```", None),
        ("```python\n```", None),
        ("```python\n   \n\t\n```", None),
    ] {
        assert_eq!(extract_code(text).as_deref(), code, "{text:?}");
    }
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
        extract_code_bytes(&text),
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
        let _ = extract_code(&text);
        assert!(
            start.elapsed().as_secs_f64() < 20.0,
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
            prop_assert!(text.contains("```"));
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
        let _ = extract_code_bytes(&fenced);
    }
}
