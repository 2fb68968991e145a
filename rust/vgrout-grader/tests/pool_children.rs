//! Which children a rollout needs and what each is told: graded over a made-up machine that records requests.

use std::collections::VecDeque;
use std::time::Duration;

use vgrout_grader::codec::encode;
use vgrout_grader::oracle::{Machine, Request, Role, grade};
use vgrout_grader::value::Value;
use vgrout_grader::{Job, JobFields, Limits, MachineError, Mode, Outcome, RecordKind as Kind};
use vgrout_sandbox::arena::ArenaRecords;
use vgrout_sandbox::supervise::{RunReport, Stop};

const CANARY: &str = "canary-7e51c0de";
const CANARY_NUMBER: i64 = 7_351_902_846;
const LIMITS: Limits = Limits {
    cpu_s: 1.0,
    memory_bytes: 1 << 30,
    wall_s: 5.0,
    output_bytes: 1 << 20,
    canonical_factor: None,
    recursion_limit: None,
    int_max_str_digits: None,
};

/// What one child was told.
struct Told {
    role: Role,
    bytes: Vec<u8>,
    cpu: Duration,
    wall: Duration,
    record_bytes: usize,
}

/// Answers requests with prepared reports, then with empty ones.
#[derive(Default)]
struct Recorder {
    told: Vec<Told>,
    reports: VecDeque<RunReport>,
}

impl Machine for Recorder {
    fn run(
        &mut self,
        request: &Request<'_>,
        _sink: &mut dyn FnMut(&[u8]),
    ) -> Result<RunReport, MachineError> {
        let mut bytes = [request.source, request.calls].concat();
        encode(&request.extra, &mut bytes);
        self.told.push(Told {
            role: request.role,
            bytes,
            cpu: request.limits.cpu,
            wall: request.limits.wall,
            record_bytes: request.limits.record_bytes,
        });
        Ok(self.reports.pop_front().unwrap_or_else(|| report(&[])))
    }

    fn run_judged(
        &mut self,
        answer: &Request<'_>,
        judge: &Request<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(RunReport, RunReport), MachineError> {
        Ok((self.run(answer, sink)?, self.run(judge, sink)?))
    }
}

impl Recorder {
    fn roles(&self) -> Vec<Role> {
        self.told.iter().map(|told| told.role).collect()
    }
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

fn record(kind: Kind, index: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("short");
    let head = [
        &[kind as u8][..],
        &index.to_le_bytes(),
        &length.to_le_bytes(),
    ];
    [&head.concat(), content].concat()
}

fn claim(index: u32, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes);
    record(Kind::Value, index, &bytes)
}

fn story(steps: Vec<Vec<u8>>) -> RunReport {
    let count = u32::try_from(steps.len()).expect("few");
    let ends = (
        record(Kind::Compiled, 0, b""),
        record(Kind::Done, count, b""),
    );
    report(&[vec![ends.0], steps, vec![ends.1]].concat())
}

fn used(milliseconds: u64) -> RunReport {
    RunReport {
        cpu: Duration::from_millis(milliseconds),
        ..story(vec![claim(0, &Value::Int(1))])
    }
}

fn job(mode: Mode, tests: &[&str], canonical: &str) -> Job {
    let fields = JobFields {
        response: b"```python\ndef run_tests(): pass\nclass Solution: pass\n```".to_vec(),
        tests: tests.iter().map(|test| (*test).to_owned()).collect(),
        canonical_solution: canonical.to_owned(),
        func_name: "Solution().f".to_owned(),
        ..JobFields::default()
    };
    Job::new(mode, fields).expect("a good job")
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[test]
fn no_child_of_the_answers_is_told_an_expected_value_and_no_judge_the_answer() {
    let tests = [
        format!("assert Solution().f(1) == '{CANARY}'"),
        format!("assert Solution().f(1) == ['x', ('{CANARY}', {{'k': '{CANARY}'}})]"),
        format!("assert Solution().f(1) == {CANARY_NUMBER}"),
        format!("assert Solution().f(1) == [{CANARY_NUMBER}]"),
        format!("assert Solution().f(1) in ['{CANARY}', {CANARY_NUMBER}]"),
        format!("assert sorted(Solution().f(1)) == ['{CANARY}']"),
        format!("assert set(Solution().f(1)) == {{'{CANARY}', {CANARY_NUMBER}}}"),
        format!("assert abs(Solution().f(1) - {CANARY_NUMBER}) < 1e-5"),
        format!("assert is_same_list(Solution().f(1), list_node([{CANARY_NUMBER}]))"),
        format!("assert is_same_tree(Solution().f(1), tree_node([{CANARY_NUMBER}]))"),
        format!("x = [1]\nSolution().f(x)\nassert x == ['{CANARY}']"),
        format!("x = Solution()\nassert x.f(1) == {CANARY_NUMBER}"),
    ];
    let mut encoded = Vec::new();
    encode(&Value::Int(CANARY_NUMBER), &mut encoded);
    let secrets = [
        CANARY.as_bytes(),
        CANARY.to_uppercase().as_bytes(),
        b"7351902846",
        &encoded[1..],
    ]
    .map(<[u8]>::to_vec);
    let suspicious = || record(Kind::BadType, 0, b"=Sly");
    let stories = || {
        [
            report(&[]),
            story(vec![suspicious()]),
            story(vec![claim(0, &Value::Int(0))]),
        ]
    };
    for test in &tests {
        let is_direct = test.starts_with("assert Solution().f(1) == ");
        for mode in Mode::ALL {
            if mode == Mode::EqOverride && !is_direct {
                continue;
            }
            for first in stories() {
                let mut machine = Recorder {
                    reports: [first].into(),
                    ..Recorder::default()
                };
                grade(&job(mode, &[test], ""), &LIMITS, &mut machine).expect("a verdict");
                for told in &machine.told {
                    let judge = told.role == Role::Judge;
                    assert!(
                        !judge || !holds(&told.bytes, b"class Solution"),
                        "{test} in {mode}"
                    );
                    let told_secret = secrets.iter().any(|secret| holds(&told.bytes, secret));
                    assert_eq!(told_secret, judge, "{test} in {mode}: {:?}", told.role);
                }
                let judged = machine.roles().contains(&Role::Judge);
                assert_eq!(judged, !is_direct, "{test} in {mode}");
            }
        }
    }
}

#[test]
fn only_the_plain_run_that_was_asked_for_sees_the_tests() {
    let test = format!("assert Solution().f(1) == '{CANARY}'");
    let plain = Job {
        want_gt_pass: true,
        ..job(Mode::GtOnly, &[&test], "")
    };
    let mut machine = Recorder::default();
    grade(&plain, &LIMITS, &mut machine).expect("a verdict");
    assert_eq!(machine.roles(), [Role::Oracle, Role::Plain]);
    let told: Vec<bool> = machine
        .told
        .iter()
        .map(|told| holds(&told.bytes, CANARY.as_bytes()))
        .collect();
    assert_eq!(told, [false, true]);
}

#[test]
fn a_second_child_runs_only_where_the_first_ones_facts_require_it() {
    let tests = ["assert Solution().f(1) == 1"];
    let right = || story(vec![claim(0, &Value::Int(1))]);
    let rigged = || story(vec![record(Kind::BadType, 0, b"=Sly")]);
    let roles = |mode, first: RunReport| {
        let mut machine = Recorder {
            reports: [first].into(),
            ..Recorder::default()
        };
        grade(&job(mode, &tests, ""), &LIMITS, &mut machine).expect("a verdict");
        machine.roles()
    };
    let loopholes = Mode::ALL.into_iter().filter(|mode| *mode != Mode::RunTests);
    for mode in loopholes {
        assert_eq!(roles(mode, right()), [Role::Oracle], "{mode}");
        assert_eq!(roles(mode, report(&[])), [Role::Oracle], "{mode}");
    }
    assert_eq!(
        roles(Mode::EqOverride, rigged()),
        [Role::Oracle, Role::Equality]
    );
    assert_eq!(roles(Mode::GtOnly, rigged()), [Role::Oracle]);
}

#[test]
fn a_test_function_is_questioned_in_the_oracle_child_where_that_is_safe() {
    let tests = ["assert Solution().f(1) == 1"];
    let roles = |canonical: &str, flags: &[Vec<u8>]| {
        let mut first = story(vec![claim(0, &Value::Int(1))]);
        first.records.bytes.extend(flags.concat());
        let mut machine = Recorder {
            reports: [first, story(vec![claim(0, &Value::Int(1))])].into(),
            ..Recorder::default()
        };
        let graded = grade(
            &job(Mode::RunTests, &tests, canonical),
            &LIMITS,
            &mut machine,
        );
        (machine.roles(), graded.expect("a verdict").channel.used)
    };
    let vacuous = [record(Kind::Flag, 0, b"1"), record(Kind::Flag, 1, b"1")];
    let answered = [&vacuous[..], &[record(Kind::Flag, 3, b"1")]].concat();
    assert_eq!(roles("", &answered), (vec![Role::Oracle], true));
    // The child died over the questions: the calls are made again without them.
    let again = vec![Role::Oracle, Role::Oracle, Role::RunTests];
    assert_eq!(roles("", &vacuous), (again, false));
    // The canonical solution never shares a child with the calls.
    assert_eq!(
        roles("class Solution: pass", &[]).0,
        [Role::Oracle, Role::RunTests]
    );
}

#[test]
fn a_wall_timeout_is_the_answers_own_doing_and_stands() {
    let late = RunReport {
        stop: Some(Stop::Wall),
        ..report(&[])
    };
    let tests = ["assert Solution().f(1) == 1"];
    let mut machine = Recorder {
        reports: [late, used(1)].into(),
        ..Recorder::default()
    };
    let verdict = grade(&job(Mode::GtOnly, &tests, ""), &LIMITS, &mut machine);
    let found = (verdict.expect("a verdict").outcome, machine.told.len());
    assert_eq!(found, (Outcome::TleWall, 1));
}

#[test]
fn a_limit_that_the_canonical_solution_misses_is_raised() {
    let tests = ["assert Solution().f(2) == 1"];
    let graded = |canonical: &str, reports: Vec<RunReport>| {
        let mut machine = Recorder {
            reports: reports.into(),
            ..Recorder::default()
        };
        let verdict = grade(&job(Mode::GtOnly, &tests, canonical), &LIMITS, &mut machine);
        (verdict.expect("a verdict").outcome, machine)
    };
    let (outcome, machine) = graded("slow", vec![used(1200), used(900), used(1500)]);
    assert_eq!(outcome, Outcome::Accepted);
    let cpu: Vec<Duration> = machine.told.iter().map(|told| told.cpu).collect();
    assert_eq!(cpu, [1000, 10_000, 1800].map(Duration::from_millis));
    assert_eq!(machine.told[2].wall, Duration::from_secs(9));
    let (outcome, machine) = graded("slow", vec![used(1200), used(1900)]);
    assert_eq!(
        (outcome, machine.told.len()),
        (Outcome::TleCpu, 2),
        "its time is remembered"
    );
    let (outcome, machine) = graded("quick", vec![used(1200), used(100)]);
    assert_eq!((outcome, machine.told.len()), (Outcome::TleCpu, 2));
    let (outcome, machine) = graded("", vec![used(1200)]);
    assert_eq!((outcome, machine.told.len()), (Outcome::TleCpu, 1));
}

#[test]
fn a_canonical_factor_measures_once_and_then_limits() {
    let limits = Limits {
        canonical_factor: Some(4.0),
        ..LIMITS
    };
    let tests = ["assert Solution().f(3) == 1"];
    let mut machine = Recorder {
        reports: [used(60), used(200), used(241)].into(),
        ..Recorder::default()
    };
    let job = job(Mode::GtOnly, &tests, "the canonical one");
    let outcomes: Vec<Outcome> = (0..2)
        .map(|_| {
            grade(&job, &limits, &mut machine)
                .expect("a verdict")
                .outcome
        })
        .collect();
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::TleCpu]);
    let cpu: Vec<Duration> = machine.told.iter().map(|told| told.cpu).collect();
    assert_eq!(cpu, [10_000, 240, 240].map(Duration::from_millis));
    assert!(holds(&machine.told[0].bytes, b"the canonical one"));
}

#[test]
fn the_room_for_records_says_no_more_than_a_power_of_two() {
    let room = |length: usize| {
        let expected = "x".repeat(length);
        let mut machine = Recorder::default();
        let test = format!("assert Solution().f() == '{expected}'");
        grade(&job(Mode::GtOnly, &[&test], ""), &LIMITS, &mut machine).expect("a verdict");
        machine.told[0].record_bytes
    };
    assert_eq!(room(1), room(800_000));
    assert_eq!(room(3 << 20), room((3 << 20) + 100_000));
    assert!(room(5 << 20).is_power_of_two() && room(5 << 20) > 5 << 20);
}

#[test]
fn an_answer_without_code_needs_no_child() {
    let mut machine = Recorder::default();
    let talk = Job {
        response: b"I would rather not.".to_vec(),
        ..job(Mode::RunTests, &["assert Solution().f() == 1"], "slow")
    };
    let verdict = grade(&talk, &LIMITS, &mut machine).expect("a verdict");
    assert_eq!((verdict.outcome, machine.told.len()), (Outcome::NoCode, 0));
}
