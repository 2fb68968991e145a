//! Grades one rollout: the oracle child first, then what its mode still needs to know.

use std::time::Duration;

use vgrout_sandbox::SandboxError;
use vgrout_sandbox::supervise::{RunLimits, RunReport};

use crate::error::MachineError;
use crate::facts::{End, OracleFacts, RecordKind, end_of, split_records};
use crate::job::{Job, Limits, Mode, text};
use crate::modes;
use crate::output::Output;
use crate::value::Value;
use crate::verdict::{Verdict, bitmap, outcome};

/// The least CPU time a rollout or a further child gets.
const LEAST_CPU: Duration = Duration::from_millis(50);
/// How much longer than the canonical solution an answer may take at least.
const CANONICAL_HEADROOM: f64 = 2.0;
/// Bytes of a claim for each of the expected value: a float takes nine where a small int takes two.
const CLAIM_FACTOR: usize = 5;
/// The longest limit that can be asked for.
const LONGEST_S: f64 = 864_000.0;
/// The most CPU time the canonical solution gets, as a multiple of `cpu_s`.
const MOST_CANONICAL: f64 = 10.0;
/// Room for the right claims of small rollouts; larger ones get a power of two, so that the size says little.
const LEAST_CLAIM_BYTES: usize = 4 << 20;
/// How many times that the record area holds, so that wrong values of some size leave room for right ones. What is not
/// written takes no memory.
pub const CLAIMS_PER_AREA: usize = 8;
/// The most that an area may hold, besides the payload.
const MOST_RECORD_BYTES: usize = 256 << 20;
const SIGKILL: i32 = 9;
/// Number of the plain run's answer in `runner.py`.
const PLAIN: u32 = 4;

/// What a child is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Make every call and claim what it returns; then answer the judge.
    Oracle,
    /// Run the judged tests, without the answer.
    Judge,
    /// Compare what the calls return with decoys.
    Equality,
    /// Question the answer's own test function.
    RunTests,
    /// Run the plain, foolable asserts.
    Plain,
}

impl Role {
    /// Whether a child in this role has to know the marker; no other child is told.
    #[must_use]
    pub fn needs_marker(self, mode: Mode) -> bool {
        match self {
            Self::RunTests => true,
            Self::Oracle => matches!(mode, Mode::Sentinel | Mode::FileMarker | Mode::RunTests),
            Self::Judge | Self::Equality | Self::Plain => false,
        }
    }

    /// The name `runner.py` knows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Oracle => "oracle",
            Self::Judge => "judge",
            Self::Equality => "equality",
            Self::RunTests => "run_tests",
            Self::Plain => "plain",
        }
    }
}

/// One child's work.
#[derive(Debug)]
pub struct Request<'a> {
    /// What it is to do.
    pub role: Role,
    /// The answer's code.
    pub source: &'a [u8],
    /// Setup code, method, mode and marker.
    pub job: &'a Job,
    /// Depends on the role.
    pub extra: Value,
    /// Encoded calls.
    pub calls: &'a [u8],
    /// Its limits.
    pub limits: RunLimits,
}

/// Room for records where the right claims take up to `expected` bytes.
fn record_bytes(expected: usize) -> usize {
    let claims = expected.next_power_of_two().max(LEAST_CLAIM_BYTES);
    (claims * CLAIMS_PER_AREA).min(MOST_RECORD_BYTES.max(claims))
}

/// Whoever can run a child.
pub trait Machine {
    /// Runs one child to its end.
    ///
    /// # Errors
    /// The machinery failed; nothing is said about the answer.
    fn run(
        &mut self,
        request: &Request<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<RunReport, MachineError>;

    /// Runs an answer's child and its judge beside it, joined by an exchange; both reports, the answer's first.
    ///
    /// # Errors
    /// As for [`Machine::run`].
    fn run_judged(
        &mut self,
        answer: &Request<'_>,
        judge: &Request<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(RunReport, RunReport), MachineError>;
}

/// One rollout being graded.
pub struct Grading<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its code.
    pub source: &'a [u8],
    limits: &'a Limits,
    machine: &'a mut dyn Machine,
    cpu_limit: Duration,
    cpu: Duration,
    wall: Duration,
    peak_memory_bytes: u64,
}

impl<'a> Grading<'a> {
    fn new(
        job: &'a Job,
        source: &'a [u8],
        limits: &'a Limits,
        machine: &'a mut dyn Machine,
        cpu_limit: Duration,
    ) -> Self {
        let (cpu, wall) = (Duration::ZERO, Duration::ZERO);
        Self {
            job,
            source,
            limits,
            machine,
            cpu_limit,
            cpu,
            wall,
            peak_memory_bytes: 0,
        }
    }

    /// Runs one child. A further child has the same limits as the first: whether one is needed must not show.
    ///
    /// # Errors
    /// The machinery failed, or something outside killed the child.
    pub fn run(
        &mut self,
        role: Role,
        extra: Value,
        calls: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<RunReport, MachineError> {
        let request = self.request(role, extra, calls);
        let report = self.machine.run(&request, sink)?;
        self.note(&report)?;
        self.wall += report.wall;
        Ok(report)
    }

    fn request<'b>(&self, role: Role, extra: Value, calls: &'b [u8]) -> Request<'b>
    where
        'a: 'b,
    {
        let tests = &self.job.tests;
        let expected = CLAIM_FACTOR * tests.expected_bytes + 64 * tests.tests.len();
        Request {
            role,
            source: self.source,
            job: self.job,
            extra,
            calls,
            limits: RunLimits {
                cpu: self.cpu_limit.max(LEAST_CPU),
                wall: self.wall_limit(),
                memory_bytes: self.limits.memory_bytes,
                output_bytes: self.limits.output_bytes,
                record_bytes: record_bytes(expected),
            },
        }
    }

    fn note(&mut self, report: &RunReport) -> Result<(), MachineError> {
        if was_killed_from_outside(report, self.cpu_limit.max(LEAST_CPU)) {
            return Err(SandboxError::KilledFromOutside.into());
        }
        self.cpu += report.cpu;
        self.peak_memory_bytes = self.peak_memory_bytes.max(report.peak_memory_bytes);
        Ok(())
    }

    /// Asks the answer's child everything that the tests need of it, and the judge about the rest.
    fn ask(
        &mut self,
        extra: Value,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(RunReport, OracleFacts), MachineError> {
        let job = self.job;
        let tests = &job.tests;
        let judged: Vec<_> = tests
            .judged()
            .map(|(index, source)| {
                let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                Value::Tuple(vec![index, text(source)])
            })
            .collect();
        let mut answer = self.request(Role::Oracle, extra, &tests.calls);
        if judged.is_empty() {
            let report = self.run(Role::Oracle, answer.extra, &tests.calls, sink)?;
            let facts = OracleFacts::read(&report, tests, job.mode, self.cpu_limit);
            return Ok((report, facts));
        }
        let tests_of_judge = Value::Tuple(vec![text(&job.entry_point), Value::List(judged)]);
        let mut judge = self.request(Role::Judge, tests_of_judge, &[0; 4]);
        judge.source = &[];
        // Each waits while the other works: only the CPU limit says whose time it was.
        answer.limits.wall *= 2;
        judge.limits.wall *= 3;
        let (report, judgement) = self.machine.run_judged(&answer, &judge, sink)?;
        self.note(&judgement)?;
        self.note(&report)?;
        self.wall += report.wall;
        let mut facts = OracleFacts::read(&report, tests, job.mode, self.cpu_limit);
        facts
            .judged(&judgement, tests)
            .map_err(|(index, what)| MachineError::Test { index, what })?;
        Ok((report, facts))
    }

    /// The backstop, longer where the CPU limit was raised.
    fn wall_limit(&self) -> Duration {
        let raised = (self.cpu_limit.as_secs_f64() / self.limits.cpu_s).max(1.0);
        seconds(self.limits.wall_s * raised)
    }

    /// Runs the oracle child until its facts are the answer's doing, not the machine's.
    fn settled_oracle(&mut self) -> Result<(OracleFacts, Output), MachineError> {
        let mut questions = modes::asks_in_oracle_child(self.job, self.source);
        let mut raised = false;
        loop {
            let (report, facts, output) = self.oracle(questions)?;
            if questions && modes::died_over_questions(&facts) {
                questions = false;
                continue;
            }
            if report.cpu >= self.cpu_limit && !raised {
                raised = true;
                if let Some(limit) = raised_limit(self.job, self.limits, self.machine)? {
                    self.cpu_limit = limit;
                    continue;
                }
            }
            return Ok((facts, output));
        }
    }

    /// Makes every call in a fresh child; what an earlier attempt used up is forgotten.
    fn oracle(
        &mut self,
        questions: bool,
    ) -> Result<(RunReport, OracleFacts, Output), MachineError> {
        self.cpu = Duration::ZERO;
        self.wall = Duration::ZERO;
        let job = self.job;
        let mut output =
            Output::watching(&job.marker, job.mode.training_marker().unwrap_or_default());
        let extra = Value::Bool(questions);
        let (report, facts) = self.ask(extra, &mut |piece| output.feed(piece))?;
        Ok((report, facts, output))
    }

    fn plain_pass(&mut self) -> Result<bool, MachineError> {
        let tests = self
            .job
            .tests
            .sources
            .iter()
            .map(|test| text(test))
            .collect();
        let report = self.run(Role::Plain, Value::List(tests), &[0; 4], &mut |_| {})?;
        let said_so = split_records(&report.records.bytes).is_some_and(|records| {
            records
                .iter()
                .any(|record| record.kind == RecordKind::Flag && record.index == PLAIN)
        });
        // Foolable on purpose: like the script it stands for, it also believes a clean exit.
        Ok(said_so || (report.stop.is_none() && report.wait_status == 0))
    }
}

/// Grades one job.
///
/// # Errors
/// The machinery failed; nothing is said about the answer.
pub fn grade(
    job: &Job,
    limits: &Limits,
    machine: &mut dyn Machine,
) -> Result<Verdict, MachineError> {
    let Some(source) = job.code() else {
        return Ok(Verdict::no_code(job.mode, job.tests.tests.len()));
    };
    let cpu_limit = cpu_limit(job, limits, machine)?;
    let mut grading = Grading::new(job, &source, limits, machine, cpu_limit);
    let (facts, output) = grading.settled_oracle()?;
    let channel = modes::channel(&mut grading, &facts, &output)?;
    let gt_pass = if job.want_gt_pass {
        Some(grading.plain_pass()?)
    } else {
        None
    };
    let (outcome, detail) = outcome(&facts);
    let (stdout, stdout_truncated) = output.into_head();
    Ok(Verdict {
        outcome,
        detail,
        format_ok: true,
        can_compile: facts.compiled == Some(Ok(())),
        gt_correct: facts.all_right(),
        channel,
        mode: job.mode,
        test_bitmap: bitmap(&facts),
        cpu: grading.cpu,
        wall: grading.wall,
        peak_memory_bytes: grading.peak_memory_bytes,
        stdout,
        stdout_truncated,
        gt_pass,
    })
}

/// The rollout's CPU limit: `cpu_s`, or the wanted multiple of the canonical solution's time.
fn cpu_limit(
    job: &Job,
    limits: &Limits,
    machine: &mut dyn Machine,
) -> Result<Duration, MachineError> {
    match limits.canonical_factor {
        Some(factor) if !job.canonical_solution.is_empty() => {
            let measured = canonical_cpu(job, limits, machine)?;
            let wanted = measured.map(|cpu| seconds(cpu.as_secs_f64() * factor).max(LEAST_CPU));
            Ok(wanted.unwrap_or_else(|| seconds(limits.cpu_s)))
        }
        _ => Ok(seconds(limits.cpu_s)),
    }
}

/// A limit that the canonical solution itself hardly meets says nothing about an answer: it becomes a multiple of
/// the canonical solution's time, measured here and now, on this machine under its present load.
fn raised_limit(
    job: &Job,
    limits: &Limits,
    machine: &mut dyn Machine,
) -> Result<Option<Duration>, MachineError> {
    if job.canonical_solution.is_empty() || limits.canonical_factor.is_some() {
        return Ok(None);
    }
    let wanted = canonical_cpu(job, limits, machine)?.map(|cpu| cpu.mul_f64(CANONICAL_HEADROOM));
    Ok(wanted.filter(|wanted| *wanted > seconds(limits.cpu_s)))
}

/// CPU time of the canonical solution on these tests, measured once; `None` where it does not pass them.
fn canonical_cpu(
    job: &Job,
    limits: &Limits,
    machine: &mut dyn Machine,
) -> Result<Option<Duration>, MachineError> {
    let known = || {
        job.tests
            .canonical_cpu
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    let key = format!("{}\0{}", job.setup_code, job.canonical_solution);
    if let Some(cpu) = known().get(&key).copied() {
        return Ok(Some(cpu));
    }
    let most = seconds(limits.cpu_s * MOST_CANONICAL);
    let source = job.canonical_solution.as_bytes();
    let mut grading = Grading::new(job, source, limits, machine, most);
    let (report, facts) = grading.ask(Value::None, &mut |_| {})?;
    if !facts.all_right() {
        return Ok(None);
    }
    known().insert(key, report.cpu);
    Ok(Some(report.cpu))
}

/// So many seconds, as far as a limit can go.
fn seconds(wanted: f64) -> Duration {
    Duration::from_secs_f64(wanted.clamp(0.0, LONGEST_S))
}

/// The child cannot kill itself with SIGKILL: without the host's order, and with CPU time left, somebody else did.
fn was_killed_from_outside(report: &RunReport, cpu_limit: Duration) -> bool {
    end_of(report) == End::Signal(SIGKILL) && report.cpu < cpu_limit
}
