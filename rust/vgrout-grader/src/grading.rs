//! One rollout's children: what each is told, under which limits, and what all of them used.

use std::time::Duration;

use vgrout_sandbox::SandboxError;
use vgrout_sandbox::supervise::{RunLimits, RunReport};

use crate::error::MachineError;
use crate::facts::{End, OracleFacts, end_of};
use crate::job::{Job, Limits, Mode};
use crate::test_set::text;
use crate::value::Value;

/// The least CPU time a rollout or a further child gets.
pub(crate) const LEAST_CPU: Duration = Duration::from_millis(50);
/// Bytes of a claim for each of the expected value: a float takes nine where a small int takes two.
const CLAIM_FACTOR: usize = 5;
/// The longest limit that can be asked for.
const LONGEST_S: f64 = 864_000.0;
/// Room for the right claims of small rollouts; larger ones get a power of two, so that the size says little.
const LEAST_CLAIM_BYTES: usize = 4 << 20;
/// How many times that the record area holds, so that wrong values of some size leave room for right ones. What is not
/// written takes no memory.
pub const CLAIMS_PER_AREA: usize = 8;
/// The most that an area may hold, besides the payload.
const MOST_RECORD_BYTES: usize = 256 << 20;
const SIGKILL: i32 = 9;

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
    /// Python's recursion limit and the most digits of integers as text, where they are not left to Python.
    pub of_python: [Option<u32>; 2],
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
    /// Its limits.
    pub limits: &'a Limits,
    /// Runs its children.
    pub machine: &'a mut dyn Machine,
    /// Of each child.
    pub cpu_limit: Duration,
    /// Used so far.
    pub cpu: Duration,
    /// Used so far.
    pub wall: Duration,
    /// The largest child's.
    pub peak_memory_bytes: u64,
}

impl<'a> Grading<'a> {
    /// Nothing has run yet.
    pub fn new(
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
            of_python: [self.limits.recursion_limit, self.limits.int_max_str_digits],
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
    ///
    /// # Errors
    /// As for [`Grading::run`]; or a test is at fault.
    pub fn ask(
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
}

/// So many seconds, as far as a limit can go.
pub(crate) fn seconds(wanted: f64) -> Duration {
    Duration::from_secs_f64(wanted.clamp(0.0, LONGEST_S))
}

/// The child cannot kill itself with SIGKILL: without the host's order, and with CPU time left, somebody else did.
fn was_killed_from_outside(report: &RunReport, cpu_limit: Duration) -> bool {
    end_of(report) == End::Signal(SIGKILL) && report.cpu < cpu_limit
}
