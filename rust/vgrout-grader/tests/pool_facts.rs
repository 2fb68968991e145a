//! What a child may claim, read against what it was asked: made-up reports, no process.

mod strategies;

use std::time::Duration;

use proptest::prelude::*;
use vgrout_grader::codec::encode;
use vgrout_grader::facts::{OracleFacts, StepResult, split_records};
use vgrout_grader::job::TestSet;
use vgrout_grader::value::Value;
use vgrout_grader::verdict::{Outcome, bitmap, outcome};
use vgrout_grader::{Mode, RecordKind as Kind};
use vgrout_sandbox::arena::ArenaRecords;
use vgrout_sandbox::supervise::{RunReport, Stop};

const CPU: Duration = Duration::from_secs(1);

fn tests() -> std::sync::Arc<TestSet> {
    let sources = [3, 0, 30].map(|sum| format!("assert Solution().add(1, 2) == {sum}"));
    TestSet::shared(sources.to_vec(), None).expect("tests")
}

fn record(kind: Kind, index: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("short");
    let mut bytes = vec![kind as u8];
    bytes.extend(index.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(content);
    bytes
}

fn value(index: u32, value: i64) -> Vec<u8> {
    let mut content = Vec::new();
    encode(&Value::Int(value), &mut content);
    record(Kind::Value, index, &content)
}

fn compiled() -> Vec<u8> {
    record(Kind::Compiled, 0, b"")
}

fn done() -> Vec<u8> {
    record(Kind::Done, 3, b"")
}

fn right() -> Vec<Vec<u8>> {
    vec![compiled(), value(0, 3), value(1, 0), value(2, 30), done()]
}

fn report(records: &[Vec<u8>]) -> RunReport {
    RunReport {
        wait_status: 0,
        stop: None,
        cpu: Duration::from_millis(1),
        wall: Duration::from_millis(2),
        peak_memory_bytes: 1 << 20,
        output_bytes: 0,
        records: ArenaRecords {
            bytes: records.concat(),
            trapped_syscall: None,
        },
    }
}

fn read(report: &RunReport) -> OracleFacts {
    OracleFacts::read(report, &tests(), Mode::GtOnly, CPU)
}

fn outcome_of(records: &[Vec<u8>]) -> (Outcome, Option<String>) {
    outcome(&read(&report(records)))
}

#[test]
fn the_whole_story_in_order_is_accepted() {
    let facts = read(&report(&right()));
    assert!(facts.all_right() && facts.done && !facts.malformed);
    assert_eq!(outcome(&facts), (Outcome::Accepted, None));
    assert_eq!(bitmap(&facts), [true; 3]);
}

#[test]
fn no_other_order_number_or_kind_of_records_is_accepted() {
    let story = right();
    let swapped = |a: usize, b: usize| {
        let mut other = story.clone();
        other.swap(a, b);
        other
    };
    let without = |at: usize| {
        let mut other = story.clone();
        other.remove(at);
        other
    };
    let with = |at: usize, extra: Vec<u8>| {
        let mut other = story.clone();
        other.insert(at, extra);
        other
    };
    let mut stories = vec![vec![], vec![done()], vec![compiled(), done()]];
    stories.extend(
        (0..5)
            .flat_map(|a| (0..a).map(move |b| (a, b)))
            .map(|(a, b)| swapped(a, b)),
    );
    stories.extend((0..5).map(without));
    for at in 0..=5 {
        stories.push(with(at, value(0, 3)));
        stories.push(with(at, value(3, 3)));
        stories.push(with(at, done()));
        stories.push(with(at, compiled()));
        stories.push(with(at, record(Kind::ModuleError, 0, b"X")));
        stories.push(with(at, record(Kind::CompileError, 0, b"X")));
        stories.push(with(at, record(Kind::Exit, 0, b"0")));
        stories.push(with(at, record(Kind::Flag, 0, b"1")));
        stories.push(with(at, record(Kind::Equal, 0, b"1")));
        stories.push(with(at, vec![77; 9]));
    }
    for story in stories {
        let facts = read(&report(&story));
        assert!(!facts.all_right(), "{story:?}");
        assert_ne!(outcome(&facts).0, Outcome::Accepted, "{story:?}");
    }
}

#[test]
fn a_forged_end_before_the_calls_is_a_protocol_error() {
    let (outcome, detail) = outcome_of(&[compiled(), done()]);
    assert_eq!(outcome, Outcome::ProtocolError);
    assert!(detail.is_some_and(|detail| detail.contains("out of order")));
}

#[test]
fn cut_records_prove_nothing() {
    let whole = right().concat();
    for length in 0..whole.len() {
        let mut cut = report(&[]);
        cut.records.bytes = whole[..length].to_vec();
        let facts = read(&cut);
        assert!(!facts.all_right(), "{length} bytes");
    }
}

#[test]
fn more_sentinels_than_calls_are_malformed() {
    let sentinel = |index| record(Kind::Sentinel, index, b"1");
    let mut story = vec![compiled()];
    for index in 0..3 {
        story.push(value(index, [3, 0, 30][index as usize]));
        story.push(sentinel(index));
    }
    story.push(done());
    let read_as = |mode, story: &[Vec<u8>]| OracleFacts::read(&report(story), &tests(), mode, CPU);
    let facts = read_as(Mode::Sentinel, &story);
    assert!(facts.all_right());
    assert_eq!(facts.sentinel, [true; 3]);
    assert!(read_as(Mode::GtOnly, &story).malformed);
    story.insert(1, sentinel(0));
    assert!(read_as(Mode::Sentinel, &story).malformed);
}

#[test]
fn kernel_facts_outweigh_claims() {
    let claims = right();
    let with = |change: &dyn Fn(&mut RunReport)| {
        let mut changed = report(&claims);
        change(&mut changed);
        let facts = read(&changed);
        assert!(!facts.all_right());
        outcome(&facts)
    };
    let detail = |text: &str| Some(text.to_owned());
    assert_eq!(with(&|report| report.cpu = CPU).0, Outcome::TleCpu);
    assert_eq!(
        with(&|report| report.stop = Some(Stop::Cpu)).0,
        Outcome::TleCpu
    );
    assert_eq!(
        with(&|report| report.stop = Some(Stop::Wall)).0,
        Outcome::TleWall
    );
    assert_eq!(
        with(&|report| report.stop = Some(Stop::Output)).0,
        Outcome::OutputLimit
    );
    assert_eq!(with(&|report| report.wait_status = 24).0, Outcome::TleCpu); // SIGXCPU
    assert_eq!(
        with(&|report| report.wait_status = 9),
        (Outcome::Killed, detail("SIGKILL"))
    );
    assert_eq!(
        with(&|report| report.wait_status = 11),
        (Outcome::Killed, detail("SIGSEGV"))
    );
    assert_eq!(
        with(&|report| report.wait_status = 31).0,
        Outcome::SandboxViolation
    );
    assert_eq!(
        with(&|report| report.wait_status = 1 << 8).0,
        Outcome::ProtocolError
    );
}

#[test]
fn each_refused_claim_has_its_outcome() {
    let first = |kind, text: &[u8]| {
        let story = [
            compiled(),
            record(kind, 0, text),
            value(1, 0),
            value(2, 30),
            done(),
        ];
        outcome_of(&story)
    };
    let detail = |text: &str| Some(text.to_owned());
    assert_eq!(
        outcome_of(&[compiled(), value(0, 4), value(1, 0), value(2, 30), done()]),
        (Outcome::WrongAnswer, None)
    );
    assert_eq!(
        first(Kind::Raised, b"KeyError: 1"),
        (Outcome::RuntimeError, detail("KeyError: 1"))
    );
    assert_eq!(first(Kind::Raised, b"MemoryError").0, Outcome::Mle);
    assert_eq!(
        first(Kind::BadType, b" object"),
        (Outcome::BadReturnType, detail("object"))
    );
    assert_eq!(first(Kind::BadType, b"").0, Outcome::BadReturnType);
    assert_eq!(first(Kind::Value, b"\xff").0, Outcome::WrongAnswer);
    assert_eq!(first(Kind::Value, b"").0, Outcome::WrongAnswer);
    let ended = [compiled(), value(0, 3), record(Kind::Exit, 1, b"0")];
    assert_eq!(
        outcome_of(&ended),
        (Outcome::RuntimeError, detail("SystemExit: 0"))
    );
    let broken = [record(Kind::CompileError, 0, b"SyntaxError: x")];
    assert_eq!(
        outcome_of(&broken),
        (Outcome::CompileError, detail("SyntaxError: x"))
    );
}

#[test]
fn a_wrong_claim_leaves_the_other_tests_their_bits() {
    let facts = read(&report(&[
        compiled(),
        value(0, 3),
        value(1, 9),
        value(2, 30),
        done(),
    ]));
    assert_eq!(bitmap(&facts), [true, false, true]);
    let early = read(&report(&[compiled(), value(0, 3)]));
    assert_eq!(bitmap(&early), [true, false, false]);
}

// --- the judge's word

fn mixed() -> std::sync::Arc<TestSet> {
    let sources = [
        "assert Solution().add(1, 2) == 3",
        "x = Solution().add(1, 2)\nassert x",
        "assert Solution().add(1, 2) in (3, 4)",
    ];
    TestSet::shared(sources.map(str::to_owned).to_vec(), None).expect("tests")
}

fn with_judge(
    answer: &[Vec<u8>],
    judge: &RunReport,
) -> Result<(Outcome, Vec<bool>), (usize, String)> {
    let mut facts = OracleFacts::read(&report(answer), &mixed(), Mode::GtOnly, CPU);
    facts.judged(judge, &mixed())?;
    Ok((outcome(&facts).0, bitmap(&facts)))
}

#[test]
fn judged_tests_count_as_the_judge_says() {
    let answer = [compiled(), value(0, 3), done()];
    let said = |kinds: [Kind; 2]| {
        let records = [record(kinds[0], 1, b""), record(kinds[1], 2, b"E: why")];
        with_judge(&answer, &report(&records))
    };
    let cases = [
        ([Kind::Held, Kind::Held], Outcome::Accepted, [true; 3]),
        (
            [Kind::Held, Kind::Failed],
            Outcome::WrongAnswer,
            [true, true, false],
        ),
        (
            [Kind::Failed, Kind::Held],
            Outcome::WrongAnswer,
            [true, false, true],
        ),
        (
            [Kind::Held, Kind::Raised],
            Outcome::RuntimeError,
            [true, true, false],
        ),
        (
            [Kind::Held, Kind::BadType],
            Outcome::BadReturnType,
            [true, true, false],
        ),
    ];
    for (kinds, outcome, bits) in cases {
        assert_eq!(said(kinds), Ok((outcome, bits.to_vec())), "{kinds:?}");
    }
    assert_eq!(
        said([Kind::Held, Kind::Unasked]),
        Err((2, "E: why".to_owned()))
    );
}

#[test]
fn a_judge_that_says_nothing_proves_nothing() {
    let answer = [compiled(), value(0, 3), done()];
    let nothing = with_judge(&answer, &report(&[])).expect("no fault of the tests");
    assert_eq!(nothing, (Outcome::ProtocolError, vec![true, false, false]));
    let other = with_judge(&answer, &report(&[record(Kind::Held, 2, b"")]));
    assert_eq!(other.expect("no fault").1, [true, false, false]);
}

#[test]
fn the_test_over_which_a_judge_died_failed() {
    let answer = [compiled(), value(0, 3), done()];
    for (stop, wait_status) in [(Some(Stop::Cpu), 9), (None, 11), (None, 1 << 8)] {
        let judge = RunReport {
            stop,
            wait_status,
            ..report(&[record(Kind::Held, 1, b"")])
        };
        let (outcome, bits) = with_judge(&answer, &judge).expect("no fault of the tests");
        assert_eq!(
            (outcome, bits),
            (Outcome::WrongAnswer, vec![true, true, false])
        );
    }
}

#[test]
fn a_judge_cannot_save_an_answer_that_did_not_compile_or_lied() {
    let held = report(&[record(Kind::Held, 1, b""), record(Kind::Held, 2, b"")]);
    let not_compiled = [record(Kind::CompileError, 0, b"SyntaxError")];
    assert_eq!(
        with_judge(&not_compiled, &held),
        Ok((Outcome::CompileError, vec![false; 3]))
    );
    let out_of_order = [compiled(), value(2, 3), done()];
    assert_eq!(
        with_judge(&out_of_order, &held),
        Ok((Outcome::ProtocolError, vec![false; 3]))
    );
    // Without the direct call's claim the rest is not the whole story.
    let (outcome, bits) = with_judge(&[compiled()], &held).expect("no fault");
    assert_eq!(
        (outcome, bits),
        (Outcome::ProtocolError, vec![false, true, true])
    );
}

fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        Just(b"1".to_vec()),
        strategies::value().prop_map(|value| {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes);
            bytes
        }),
    ];
    (0_u8..18, 0_u32..5, content).prop_map(|(kind, index, content)| {
        let mut bytes = record(Kind::Value, index, &content);
        bytes[0] = kind;
        bytes
    })
}

proptest! {
    #[test]
    fn splitting_gives_back_every_byte_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some(records) = split_records(&bytes) {
            let again: Vec<Vec<u8>> = records.iter().map(|one| record(one.kind, one.index, one.bytes)).collect();
            prop_assert_eq!(again.concat(), bytes);
        }
    }

    #[test]
    fn no_record_stream_without_every_right_value_is_accepted(records in prop::collection::vec(any_record(), 0..12)) {
        let facts = read(&report(&records));
        prop_assert_eq!(facts.steps.len(), 3);
        prop_assert_eq!(facts.all_right(), outcome(&facts).0 == Outcome::Accepted);
        if facts.all_right() {
            for answer in [value(0, 3), value(1, 0), value(2, 30), done()] {
                prop_assert!(records.iter().any(|one| one[0] == answer[0] && one[1..5] == answer[1..5]));
            }
        }
    }

    #[test]
    fn a_changed_byte_of_a_right_stream_never_helps_a_wrong_one(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut wrong = report(&[compiled(), value(0, 3), value(1, 1), value(2, 30), done()]);
        let index = at.index(wrong.records.bytes.len());
        wrong.records.bytes[index] = byte;
        let facts = read(&wrong);
        let hit = facts.all_right();
        // Only the wrong value's own byte can make it right.
        prop_assert!(!hit || (byte == 0 && facts.steps.iter().all(|step| *step == StepResult::Right)));
    }
}
