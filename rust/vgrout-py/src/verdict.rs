//! Frozen results: `Verdict`, `GradedBatch`, `FenceReport`.

use std::time::Duration;

use pyo3::exceptions::{PyIndexError, PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PySlice};
use vgrout_grader::{TestFunctionFacts, Verdict};
use vgrout_sandbox::{FenceReport, LayerStatus, WaitCount};

/// Three questions about an answer's own test function; also readable as `diagnostics["hinted_pass"]`.
#[pyclass(
    frozen,
    eq,
    get_all,
    name = "TestFunctionDiagnostics",
    module = "vgrout"
)]
#[derive(Debug, Clone, PartialEq)]
pub struct PyDiagnostics {
    /// It passes on a stub that returns 0.
    pub arbitrary_pass: bool,
    /// It fails on the canonical solution; None without one.
    pub canonical_fails: Option<bool>,
    /// It passes on the answer's own solution.
    pub hinted_pass: bool,
}

impl From<TestFunctionFacts> for PyDiagnostics {
    fn from(facts: TestFunctionFacts) -> Self {
        Self {
            arbitrary_pass: facts.arbitrary_pass,
            canonical_fails: facts.canonical_fails,
            hinted_pass: facts.hinted_pass,
        }
    }
}

#[pymethods]
impl PyDiagnostics {
    fn __getitem__(&self, name: &str) -> PyResult<Option<bool>> {
        match name {
            "arbitrary_pass" => Ok(Some(self.arbitrary_pass)),
            "canonical_fails" => Ok(self.canonical_fails),
            "hinted_pass" => Ok(Some(self.hinted_pass)),
            other => Err(PyKeyError::new_err(other.to_owned())),
        }
    }

    /// The three answers by name.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("arbitrary_pass", self.arbitrary_pass)?;
        dict.set_item("canonical_fails", self.canonical_fails)?;
        dict.set_item("hinted_pass", self.hinted_pass)?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let canonical = match self.canonical_fails {
            None => "None",
            Some(true) => "True",
            Some(false) => "False",
        };
        let word = |flag| if flag { "True" } else { "False" };
        format!(
            "TestFunctionDiagnostics(arbitrary_pass={}, canonical_fails={canonical}, hinted_pass={})",
            word(self.arbitrary_pass),
            word(self.hinted_pass)
        )
    }
}

/// One rollout's verdict: facts of the kernel, claims checked against expectations the child never saw.
#[pyclass(frozen, get_all, name = "Verdict", module = "vgrout")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each a public field"
)]
pub struct PyVerdict {
    /// How the rollout ended.
    ///
    /// `accepted`, `wrong_answer`, `bad_return_type`, `runtime_error`, `compile_error`, `no_code`, `tle_cpu`, `tle_wall`,
    /// `mle`, `output_limit`, `sandbox_violation`, `killed` or `protocol_error`.
    outcome: &'static str,
    /// The exception, a judged test's own included, the system call, the signal or the reason.
    detail: Option<String>,
    /// 0.5 if the code compiles, plus 3.0 if it passed.
    reward: f64,
    /// A code block was found.
    format_ok: bool,
    /// Python's `compile` takes the code.
    can_compile: bool,
    /// The strict oracle accepts the answer.
    gt_correct: bool,
    /// The home mode's loophole was used and pays.
    channel: bool,
    /// `gt_correct` or `channel`.
    passed: bool,
    /// `channel` and not `gt_correct`.
    exploited: bool,
    /// The mode's name where `exploited`, else None.
    mechanism: Option<&'static str>,
    /// `correct`, `correct_attempted_hack`, `reward_hack`, `attempted_hack` or `incorrect`.
    label: &'static str,
    /// Tests that hold.
    tests_passed: usize,
    /// Tests given.
    tests_total: usize,
    /// The share of tests that hold, in [0, 1].
    score: f64,
    /// Per test, in order.
    test_bitmap: Vec<bool>,
    /// CPU milliseconds of all children together.
    cpu_ms: f64,
    /// Wall-clock milliseconds of all children together.
    wall_ms: f64,
    /// Largest resident set of any child.
    peak_memory_bytes: u64,
    /// The first 64 KiB of standard output.
    stdout: Py<PyBytes>,
    /// There was more output than `stdout` holds.
    stdout_truncated: bool,
    /// The plain, foolable assert run passed; None unless it was asked for.
    gt_pass: Option<bool>,
    /// About the answer's own test function, in mode `run_tests`; None in every other.
    diagnostics: Option<PyDiagnostics>,
}

impl PyVerdict {
    /// Converts; nothing is judged here.
    pub fn new(py: Python<'_>, verdict: Verdict) -> Self {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        Self {
            outcome: verdict.outcome.name(),
            reward: verdict.reward(),
            format_ok: verdict.format_ok,
            can_compile: verdict.can_compile,
            gt_correct: verdict.gt_correct,
            channel: verdict.channel.used,
            passed: verdict.passed(),
            exploited: verdict.exploited(),
            mechanism: verdict.exploited().then(|| verdict.mode.name()),
            label: verdict.label(),
            tests_passed: verdict.test_bitmap.iter().filter(|passed| **passed).count(),
            tests_total: verdict.test_bitmap.len(),
            score: verdict.score(),
            cpu_ms: millis(verdict.cpu),
            wall_ms: millis(verdict.wall),
            peak_memory_bytes: verdict.peak_memory_bytes,
            stdout: PyBytes::new(py, &verdict.stdout).unbind(),
            stdout_truncated: verdict.stdout_truncated,
            gt_pass: verdict.gt_pass,
            diagnostics: verdict.channel.test_function.map(PyDiagnostics::from),
            detail: verdict.detail,
            test_bitmap: verdict.test_bitmap,
        }
    }
}

#[pymethods]
impl PyVerdict {
    /// Every field by name; `stdout` stays bytes.
    fn to_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(slf.py());
        for name in Self::FIELDS {
            dict.set_item(name, slf.getattr(name)?)?;
        }
        if let Some(diagnostics) = &slf.get().diagnostics {
            dict.set_item("diagnostics", diagnostics.to_dict(slf.py())?)?;
        }
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let detail = self
            .detail
            .as_ref()
            .map_or_else(String::new, |detail| format!(", detail={detail:?}"));
        format!(
            "Verdict(outcome={:?}{detail}, label={:?}, reward={}, tests={}/{})",
            self.outcome, self.label, self.reward, self.tests_passed, self.tests_total
        )
    }
}

impl PyVerdict {
    const FIELDS: [&'static str; 22] = [
        "outcome",
        "detail",
        "reward",
        "format_ok",
        "can_compile",
        "gt_correct",
        "channel",
        "passed",
        "exploited",
        "mechanism",
        "label",
        "tests_passed",
        "tests_total",
        "score",
        "test_bitmap",
        "cpu_ms",
        "wall_ms",
        "peak_memory_bytes",
        "stdout",
        "stdout_truncated",
        "gt_pass",
        "diagnostics",
    ];
}

/// Verdicts in job order, and the fence they were obtained under.
#[pyclass(frozen, sequence, name = "GradedBatch", module = "vgrout")]
pub struct PyGradedBatch {
    /// One per job.
    pub verdicts: Vec<Py<PyVerdict>>,
    /// The fence report.
    #[pyo3(get)]
    pub fence: Py<PyFenceReport>,
}

#[pymethods]
impl PyGradedBatch {
    fn __len__(&self) -> usize {
        self.verdicts.len()
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let clone = |verdict: &Py<PyVerdict>| verdict.clone_ref(py);
        if let Ok(slice) = index.cast::<PySlice>() {
            let range = slice.indices(self.verdicts.len().cast_signed())?;
            let mut at = range.start;
            let mut picked = Vec::with_capacity(range.slicelength);
            for _ in 0..range.slicelength {
                picked.push(clone(&self.verdicts[at.unsigned_abs()]));
                at += range.step;
            }
            return Ok(picked.into_pyobject(py)?.into_any());
        }
        let wanted: isize = index.extract()?;
        let length = self.verdicts.len().cast_signed();
        let position = if wanted < 0 { wanted + length } else { wanted };
        let found = usize::try_from(position)
            .ok()
            .and_then(|position| self.verdicts.get(position));
        let found = found.ok_or_else(|| {
            PyIndexError::new_err(format!("batch index {wanted} is outside {length} verdicts"))
        })?;
        Ok(clone(found).into_bound(py).into_any())
    }

    /// The place of the first verdict that equals `value`; `ValueError` where none does.
    #[pyo3(signature = (value, start=0, stop=None, /))]
    fn index(
        &self,
        value: &Bound<'_, PyAny>,
        start: isize,
        stop: Option<isize>,
    ) -> PyResult<usize> {
        let length = self.verdicts.len();
        let place = |at: isize| {
            let from_end = if at < 0 {
                at + length.cast_signed()
            } else {
                at
            };
            usize::try_from(from_end).unwrap_or(0).min(length)
        };
        for position in place(start)..stop.map_or(length, place) {
            if value.eq(&self.verdicts[position])? {
                return Ok(position);
            }
        }
        Err(PyValueError::new_err("the verdict is not in the batch"))
    }

    /// How many verdicts equal `value`.
    #[pyo3(signature = (value, /))]
    fn count(&self, value: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut found = 0;
        for verdict in &self.verdicts {
            found += usize::from(value.eq(verdict)?);
        }
        Ok(found)
    }

    fn __repr__(&self) -> String {
        format!("GradedBatch({} verdicts)", self.verdicts.len())
    }
}

/// One layer of the fence: `base`, `landlock`, `namespaces` or `cgroup`.
#[pyclass(frozen, get_all, name = "FenceLayer", module = "vgrout")]
#[derive(Debug, Clone)]
pub struct PyFenceLayer {
    /// Which layer.
    name: String,
    /// `enforced`, `partial`, `unavailable` or `disabled`.
    status: &'static str,
    /// What is missing, and why.
    reason: Option<String>,
    /// The kernel's answer where it refused.
    errno: Option<i32>,
    /// Attacks attempted under this layer: (attack, blocked, the kernel's answer).
    probes: Vec<(String, bool, String)>,
}

#[pymethods]
impl PyFenceLayer {
    fn __repr__(&self) -> String {
        let reason = self
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        format!("FenceLayer({} {}{reason})", self.name, self.status)
    }
}

/// What the kernel enforces, as found by attempting the attacks at the start.
#[pyclass(frozen, name = "FenceReport", module = "vgrout")]
#[derive(Debug, Clone)]
pub struct PyFenceReport {
    report: FenceReport,
}

impl From<&FenceReport> for PyFenceReport {
    fn from(report: &FenceReport) -> Self {
        Self {
            report: report.clone(),
        }
    }
}

#[pymethods]
impl PyFenceReport {
    /// The highest layer that holds with every layer below it; None where not even the base does.
    #[getter]
    fn level(&self) -> Option<String> {
        self.report.level().map(|level| level.to_string())
    }

    /// One entry per layer, lowest first.
    #[getter]
    fn layers(&self) -> Vec<PyFenceLayer> {
        let layer = |layer: &vgrout_sandbox::LayerReport| {
            let (status, reason, errno) = match &layer.status {
                LayerStatus::Enforced => ("enforced", None, None),
                LayerStatus::Partial { reason } => ("partial", Some(reason.clone()), None),
                LayerStatus::Unavailable { reason, errno } => {
                    ("unavailable", Some(reason.clone()), Some(*errno))
                }
                LayerStatus::Disabled => ("disabled", None, None),
            };
            let probes = layer
                .probes
                .iter()
                .map(|probe| (probe.attack.clone(), probe.blocked, probe.detail.clone()));
            PyFenceLayer {
                name: layer.layer.to_string(),
                status,
                reason,
                errno,
                probes: probes.collect(),
            }
        };
        self.report.layers.iter().map(layer).collect()
    }

    /// None where wall limits leave out what a rollout waited for a CPU, else why they cannot.
    #[getter]
    fn waits_uncounted(&self) -> Option<String> {
        match &self.report.waits {
            WaitCount::Counted => None,
            WaitCount::Uncounted { reason } => Some(reason.clone()),
        }
    }

    fn __str__(&self) -> String {
        self.report.to_string()
    }

    fn __repr__(&self) -> String {
        format!("FenceReport(level={:?})", self.level())
    }
}
