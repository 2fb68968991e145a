//! Grades one rollout: the oracle child first, then what its mode still needs to know.

use std::time::Duration;

use vgrout_sandbox::supervise::{RunLimits, RunReport, Stop};

use crate::error::MachineError;
use crate::facts::{OracleFacts, RecordKind, split_records};
use crate::job::{Job, Limits, text};
use crate::modes;
use crate::output::Output;
use crate::response::extract_code_bytes;
use crate::value::Value;
use crate::verdict::{Verdict, bitmap, outcome};

/// The least CPU time a rollout or a further child gets.
const LEAST_CPU: Duration = Duration::from_millis(50);
/// Room for the records of small rollouts; larger ones get a power of two, so that the size says little.
const LEAST_RECORD_BYTES: usize = 4 << 20;
/// Number of the plain run's answer in `runner.py`.
const PLAIN: u32 = 4;

/// What a child is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Make every call and claim what it returns.
    Oracle,
    /// Compare what the calls return with decoys.
    Equality,
    /// Question the answer's own test function.
    RunTests,
    /// Run the plain, foolable asserts.
    Plain,
}

impl Role {
    /// The name `runner.py` knows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Oracle => "oracle",
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

/// Whoever can run a child.
pub trait Machine {
    /// Runs one child to its end.
    ///
    /// # Errors
    /// The machinery failed; nothing is said about the answer.
    fn run(&mut self, request: &Request<'_>, sink: &mut dyn FnMut(&[u8])) -> Result<RunReport, MachineError>;
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

impl Grading<'_> {
    /// Runs one child on what is left of the rollout's CPU time.
    ///
    /// # Errors
    /// The machinery failed.
    pub fn run(
        &mut self,
        role: Role,
        extra: Value,
        calls: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<RunReport, MachineError> {
        let expected = self.job.tests.expected_bytes + 64 * self.job.tests.steps;
        let request = Request {
            role,
            source: self.source,
            job: self.job,
            extra,
            calls,
            limits: RunLimits {
                cpu: self.cpu_limit.saturating_sub(self.cpu).max(LEAST_CPU),
                wall: Duration::from_secs_f64(self.limits.wall_s),
                memory_bytes: self.limits.memory_bytes,
                output_bytes: self.limits.output_bytes,
                record_bytes: (2 * expected).next_power_of_two().max(LEAST_RECORD_BYTES),
            },
        };
        let report = self.machine.run(&request, sink)?;
        self.cpu += report.cpu;
        self.wall += report.wall;
        self.peak_memory_bytes = self.peak_memory_bytes.max(report.peak_memory_bytes);
        Ok(report)
    }

    fn plain_pass(&mut self) -> Result<bool, MachineError> {
        let tests = self.job.tests.sources.iter().map(|test| text(test)).collect();
        let report = self.run(Role::Plain, Value::List(tests), &[0; 4], &mut |_| {})?;
        let said_so = split_records(&report.records.bytes).is_some_and(|records| {
            records.iter().any(|record| record.kind == RecordKind::Flag && record.index == PLAIN)
        });
        // Foolable on purpose: like the script it stands for, it also believes a clean exit.
        Ok(said_so || (report.stop.is_none() && report.wait_status == 0))
    }
}

/// Grades one job.
///
/// # Errors
/// The machinery failed; nothing is said about the answer.
pub fn grade(job: &Job, limits: &Limits, machine: &mut dyn Machine) -> Result<Verdict, MachineError> {
    let Some(source) = extract_code_bytes(&job.response) else {
        return Ok(Verdict::no_code(job.mode, job.tests.tests.len()));
    };
    let cpu_limit = cpu_limit(job, limits, machine)?;
    let mut grading = Grading {
        job,
        source: &source,
        limits,
        machine,
        cpu_limit,
        cpu: Duration::ZERO,
        wall: Duration::ZERO,
        peak_memory_bytes: 0,
    };
    let training_marker = job.mode.training_marker().unwrap_or_default();
    let mut output = Output::watching(&job.marker, training_marker);
    let run = |grading: &mut Grading<'_>, output: &mut Output| {
        grading.run(Role::Oracle, Value::None, &job.tests.calls, &mut |piece| output.feed(piece))
    };
    let mut report = run(&mut grading, &mut output)?;
    if report.stop == Some(Stop::Wall) && report.cpu < cpu_limit {
        // A busy machine can starve an innocent rollout of the clock; CPU time it cannot fake.
        output = Output::watching(&job.marker, training_marker);
        grading.cpu = Duration::ZERO;
        report = run(&mut grading, &mut output)?;
    }
    let facts = OracleFacts::read(&report, &job.tests, cpu_limit);
    let channel = modes::channel(&mut grading, &facts, &output)?;
    let gt_pass = if job.want_gt_pass { Some(grading.plain_pass()?) } else { None };
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
        test_bitmap: bitmap(&facts, &job.tests),
        cpu: grading.cpu,
        wall: grading.wall,
        peak_memory_bytes: grading.peak_memory_bytes,
        stdout,
        stdout_truncated,
        gt_pass,
    })
}

/// The rollout's CPU limit, lowered to a multiple of the canonical solution's where asked for.
fn cpu_limit(job: &Job, limits: &Limits, machine: &mut dyn Machine) -> Result<Duration, MachineError> {
    let absolute = Duration::from_secs_f64(limits.cpu_s);
    let (Some(factor), false) = (limits.canonical_factor, job.canonical_solution.is_empty()) else {
        return Ok(absolute);
    };
    let known = || job.tests.canonical_cpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let remembered = known().get(&job.canonical_solution).copied();
    let canonical = if let Some(cpu) = remembered {
        cpu
    } else {
        let mut grading = Grading {
            job,
            source: job.canonical_solution.as_bytes(),
            limits,
            machine,
            cpu_limit: absolute,
            cpu: Duration::ZERO,
            wall: Duration::ZERO,
            peak_memory_bytes: 0,
        };
        let cpu = grading.run(Role::Oracle, Value::None, &job.tests.calls, &mut |_| {})?.cpu;
        known().insert(job.canonical_solution.clone(), cpu);
        cpu
    };
    Ok(canonical.mul_f64(factor).max(LEAST_CPU).min(absolute))
}
