//! Grades one rollout: the oracle child first, then what its mode still needs to know.

use std::time::Duration;

use vgrout_sandbox::supervise::RunReport;

use crate::error::MachineError;
use crate::facts::{OracleFacts, RecordKind, split_records};
pub use crate::grading::{CLAIMS_PER_AREA, Machine, Request, Role};
use crate::grading::{Grading, LEAST_CPU, seconds};
use crate::job::{Job, Limits};
use crate::modes;
use crate::output::Output;
use crate::test_set::text;
use crate::value::Value;
use crate::verdict::{Verdict, bitmap, outcome};

/// How much longer than the canonical solution an answer may take at least.
const CANONICAL_HEADROOM: f64 = 2.0;
/// The most CPU time the canonical solution gets, as a multiple of `cpu_s`.
const MOST_CANONICAL: f64 = 10.0;
/// Number of the plain run's answer in `runner.py`.
const PLAIN: u32 = 4;

impl Grading<'_> {
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
