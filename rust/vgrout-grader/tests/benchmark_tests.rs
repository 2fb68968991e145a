//! Every test of the benchmark's sample, where the sample is there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use flate2::read::GzDecoder;
use vgrout_grader::assertion::{parse_tests, solution_method};
use vgrout_grader::value::python_eq;

#[test]
fn every_sample_test_parses_as_a_direct_equality() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/leetcode_medhard_80.jsonl.gz");
    let Ok(file) = std::fs::File::open(&sample) else {
        eprintln!("skipped: {} is absent", sample.display());
        return;
    };
    let mut problems = 0;
    let mut tests = 0;
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line.expect("a readable line");
        let row: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let sources: Vec<String> =
            serde_json::from_value(row["gt_answer"].clone()).expect("strings");
        let (parsed, graded) = parse_tests(&sources, None);
        assert_eq!(graded.as_deref(), Some("Solution"));
        for (test, source) in parsed.iter().zip(&sources) {
            let direct = test.direct().unwrap_or_else(|| panic!("{source}"));
            assert!(python_eq(&direct.expected, &direct.expected), "{source}");
        }
        let name = solution_method(&sources[0]).expect("a method");
        assert_eq!(row["func_name"], format!("Solution().{name}"));
        problems += 1;
        tests += sources.len();
    }
    assert_eq!(problems, 80);
    assert!(tests > 8000, "{tests}");
}

#[test]
fn a_hundred_thousand_tests_parse_in_well_under_a_second() {
    let list = "[3, -1, 2.5, \"abc\", [True, None]]";
    let tests = vec![format!("assert Solution().f(nums = {list}, k = 12) == {list}"); 100_000];
    let start = Instant::now();
    let cpu_before = cpu_ms();
    let parsed = parse_tests(&tests, None).0;
    assert_eq!(parsed.len(), 100_000);
    // Where the kernel tells no CPU time, the wall clock of a busy machine must do.
    match (cpu_before, cpu_ms()) {
        (Some(before), Some(after)) => assert!(
            (1..700).contains(&(after - before)),
            "{} ms",
            after - before
        ),
        _ => assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed()),
    }
}

/// CPU time of this thread so far.
fn cpu_ms() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1_000_000)
}
