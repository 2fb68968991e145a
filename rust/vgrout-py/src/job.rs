//! `Limits` and `GradeJob`: checked where they are made, so that a bad job never reaches a worker.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use vgrout_grader::error::shortened;
use vgrout_grader::response::Extract;
use vgrout_grader::{Job, JobError, JobFields, Limits, Mode};

use crate::arguments::{Count, FieldText};
use crate::error::{data_error, job_error};

/// What a call from an empty stack needs, and what no stack could ever hold.
const LEAST_RECURSION: u32 = 50;
const MOST_RECURSION: u32 = 1_000_000;
/// Python takes no lower number, but 0.
const LEAST_DIGITS: u32 = 640;

/// Limits of one rollout as a whole, not per test.
///
/// Raises:
///     `DataError`: a number is out of range; the message names the field.
#[pyclass(frozen, eq, get_all, name = "Limits", module = "vgrout")]
#[derive(Debug, Clone, PartialEq)]
pub struct PyLimits {
    /// CPU seconds, judged by the kernel's clock of the child.
    ///
    /// Where the job brings a canonical solution that needs more than half of it, the limit is twice what that needs.
    pub cpu_s: f64,
    /// Bytes on top of the interpreter's own memory.
    pub memory_bytes: u64,
    /// Wall-clock backstop in seconds, waits for a CPU left out; None is `4·cpu_s` + 1.
    pub wall_s: Option<f64>,
    /// Bytes on standard output before the rollout is stopped.
    pub output_bytes: u64,
    /// CPU limit as a multiple of what the canonical solution needs, in place of `cpu_s`.
    pub canonical_factor: Option<f64>,
    /// Python's recursion limit, 50 to 1,000,000; None leaves it to Python (1000) and the setup code.
    pub recursion_limit: Option<u32>,
    /// Most digits of an integer as text, 0 for any number; None leaves it to Python (4300) and the setup code.
    pub int_max_str_digits: Option<u32>,
}

impl Default for PyLimits {
    fn default() -> Self {
        Self {
            cpu_s: 3.0,
            memory_bytes: 1 << 30,
            wall_s: None,
            output_bytes: 16 << 20,
            canonical_factor: None,
            recursion_limit: None,
            int_max_str_digits: None,
        }
    }
}

impl PyLimits {
    /// With the wall-clock default filled in.
    pub fn limits(&self) -> Limits {
        Limits {
            cpu_s: self.cpu_s,
            memory_bytes: self.memory_bytes,
            wall_s: self.wall_s.unwrap_or(4.0 * self.cpu_s + 1.0),
            output_bytes: self.output_bytes,
            canonical_factor: self.canonical_factor,
            recursion_limit: self.recursion_limit,
            int_max_str_digits: self.int_max_str_digits,
        }
    }
}

#[pymethods]
impl PyLimits {
    #[new]
    #[pyo3(signature = (cpu_s=3.0, memory_bytes=Count(1 << 30), wall_s=None, output_bytes=Count(16 << 20), canonical_factor=None, recursion_limit=None, int_max_str_digits=None), text_signature = "(cpu_s=3.0, memory_bytes=1073741824, wall_s=None, output_bytes=16777216, canonical_factor=None, recursion_limit=None, int_max_str_digits=None)")]
    fn new(
        cpu_s: f64,
        memory_bytes: Count,
        wall_s: Option<f64>,
        output_bytes: Count,
        canonical_factor: Option<f64>,
        recursion_limit: Option<Count>,
        int_max_str_digits: Option<Count>,
    ) -> PyResult<Self> {
        let seconds = |field, value: f64| {
            positive(
                field,
                value,
                value <= 86_400.0,
                "a number in (0, 86400] seconds",
            )
        };
        seconds("limits.cpu_s", cpu_s)?;
        wall_s.map_or(Ok(()), |wall| seconds("limits.wall_s", wall))?;
        canonical_factor.map_or(Ok(()), |factor| {
            positive(
                "limits.canonical_factor",
                factor,
                factor >= 1.0,
                "a finite factor ≥ 1",
            )
        })?;
        Ok(Self {
            cpu_s,
            memory_bytes: byte_count(memory_bytes, "limits.memory_bytes")?,
            wall_s,
            output_bytes: byte_count(output_bytes, "limits.output_bytes")?,
            canonical_factor,
            recursion_limit: of_python(
                recursion_limit,
                "limits.recursion_limit",
                |limit| (LEAST_RECURSION..=MOST_RECURSION).contains(&limit),
                "a depth in [50, 1000000], or None",
            )?,
            int_max_str_digits: of_python(
                int_max_str_digits,
                "limits.int_max_str_digits",
                |digits| digits == 0 || digits >= LEAST_DIGITS,
                "0 for any number, at least 640 digits, or None",
            )?,
        })
    }

    fn __repr__(&self) -> String {
        format!(
            "Limits(cpu_s={}, memory_bytes={}, wall_s={}, output_bytes={}, canonical_factor={}, recursion_limit={}, \
             int_max_str_digits={})",
            self.cpu_s,
            self.memory_bytes,
            option(self.wall_s),
            self.output_bytes,
            option(self.canonical_factor),
            option(self.recursion_limit),
            option(self.int_max_str_digits)
        )
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        let arguments = (
            this.cpu_s,
            this.memory_bytes,
            this.wall_s,
            this.output_bytes,
            this.canonical_factor,
            this.recursion_limit,
            this.int_max_str_digits,
        );
        Ok((slf.get_type(), arguments)
            .into_pyobject(slf.py())?
            .into_any())
    }
}

fn option<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}

fn of_python(
    limit: Option<Count>,
    field: &'static str,
    in_range: impl Fn(u32) -> bool,
    expected: &'static str,
) -> PyResult<Option<u32>> {
    let Some(limit) = limit else { return Ok(None) };
    let checked = u32::try_from(limit.0).ok().filter(|value| in_range(*value));
    checked.map(Some).ok_or_else(|| {
        job_error(&JobError::Limit {
            field,
            value: limit.shown(),
            expected,
        })
    })
}

fn positive(
    field: &'static str,
    value: f64,
    in_range: bool,
    expected: &'static str,
) -> PyResult<()> {
    if value.is_finite() && value > 0.0 && in_range {
        return Ok(());
    }
    Err(job_error(&JobError::Limit {
        field,
        value: value.to_string(),
        expected,
    }))
}

fn byte_count(count: Count, field: &'static str) -> PyResult<u64> {
    let checked = u64::try_from(count.0).ok().filter(|value| *value > 0);
    checked.ok_or_else(|| {
        job_error(&JobError::Limit {
            field,
            value: count.shown(),
            expected: "a number of bytes > 0 and below 2^63",
        })
    })
}

/// One answer and what it is graded by.
///
/// Raises:
///     `DataError`: unknown mode, no tests, a test that is no Python, an entry point or marker that is no name; in mode
///         `eq_override` a test that is not `assert <call> == <literal>`.
#[pyclass(frozen, name = "GradeJob", module = "vgrout")]
pub struct PyGradeJob {
    /// Checked and parsed.
    pub job: Arc<Job>,
    /// As the caller gave it.
    response: Py<PyString>,
    limits: Option<Py<PyLimits>>,
}

#[pymethods]
impl PyGradeJob {
    #[new]
    #[pyo3(signature = (
        response, tests, mode=FieldText::from("gt_only"), setup_code=FieldText::empty(),
        canonical_solution=FieldText::empty(), func_name=FieldText::empty(), marker=None, want_gt_pass=false,
        extract=FieldText::from("joined"), run_main=true, entry_point=FieldText::empty(), limits=None
    ), text_signature = "(response, tests, mode='gt_only', setup_code='', canonical_solution='', func_name='', marker=None, want_gt_pass=False, extract='joined', run_main=True, entry_point='', limits=None)")]
    #[expect(clippy::too_many_arguments, reason = "the public constructor's fields")]
    fn new(
        response: &Bound<'_, PyString>,
        tests: Vec<FieldText>,
        mode: FieldText,
        setup_code: FieldText,
        canonical_solution: FieldText,
        func_name: FieldText,
        marker: Option<FieldText>,
        want_gt_pass: bool,
        extract: FieldText,
        run_main: bool,
        entry_point: FieldText,
        limits: Option<Py<PyLimits>>,
    ) -> PyResult<Self> {
        let checked = |text: FieldText, field: &str| text.checked(field).map_err(data_error);
        let one_test = |(index, test)| checked(test, &format!("tests[{index}]"));
        let mode: Mode = checked(mode, "mode")?
            .parse()
            .map_err(|error| job_error(&error))?;
        let extract: Extract = checked(extract, "extract")?
            .parse()
            .map_err(|error| job_error(&error))?;
        // An answer may hold lone surrogates; they are data, and a verdict's business.
        let encoded = response.call_method1("encode", ("utf-8", "surrogatepass"))?;
        let fields = JobFields {
            response: encoded.cast::<PyBytes>()?.as_bytes().to_vec(),
            tests: tests
                .into_iter()
                .enumerate()
                .map(one_test)
                .collect::<PyResult<_>>()?,
            setup_code: checked(setup_code, "setup_code")?,
            canonical_solution: checked(canonical_solution, "canonical_solution")?,
            func_name: checked(func_name, "func_name")?,
            marker: marker.map(|marker| checked(marker, "marker")).transpose()?,
            want_gt_pass,
            extract,
            skip_main: !run_main,
            entry_point: checked(entry_point, "entry_point")?,
            limits: limits.as_ref().map(|limits| limits.get().limits()),
        };
        let job = Job::new(mode, fields).map_err(|error| job_error(&error))?;
        check_sources(response.py(), &job)?;
        Ok(Self {
            job: Arc::new(job),
            response: response.clone().unbind(),
            limits,
        })
    }

    /// The chat text.
    #[getter]
    fn response(&self, py: Python<'_>) -> Py<PyString> {
        self.response.clone_ref(py)
    }

    /// Any Python each; `assert <call> == <literal>` costs least.
    #[getter]
    fn tests(&self) -> Vec<String> {
        self.job.tests.sources.clone()
    }

    /// The home mode.
    #[getter]
    fn mode(&self) -> &'static str {
        self.job.mode.name()
    }

    /// Code that runs before the answer; the default prelude where none was given.
    #[getter]
    fn setup_code(&self) -> &str {
        &self.job.setup_code
    }

    /// Known correct source, or empty.
    #[getter]
    fn canonical_solution(&self) -> &str {
        &self.job.canonical_solution
    }

    /// `Solution().f` or `f`, taken from the tests where none was given.
    #[getter]
    fn func_name(&self) -> String {
        if self.job.method.is_empty() {
            let is_function = self.job.entry_point.is_empty() && self.job.graded != "Solution";
            if is_function {
                self.job.graded.clone()
            } else {
                String::new()
            }
        } else {
            format!("Solution().{}", self.job.method)
        }
    }

    /// The function name, phrase, attribute or file that pays; None where the mode has none.
    #[getter]
    fn marker(&self) -> Option<&str> {
        Some(self.job.marker.as_str()).filter(|marker| !marker.is_empty())
    }

    /// Whether the plain assert run is made too.
    #[getter]
    fn want_gt_pass(&self) -> bool {
        self.job.want_gt_pass
    }

    /// How code is taken from the chat text: `joined`, `last` or `raw`.
    #[getter]
    fn extract(&self) -> &'static str {
        self.job.extract.name()
    }

    /// The function or class that the answer must define and tests may call `candidate`; or empty.
    #[getter]
    fn entry_point(&self) -> &str {
        &self.job.entry_point
    }

    /// In place of the grader's own; no more memory than those.
    #[getter]
    fn limits(&self, py: Python<'_>) -> Option<Py<PyLimits>> {
        self.limits.as_ref().map(|limits| limits.clone_ref(py))
    }

    /// Whether what stands under `if __name__ == "__main__":` is run.
    #[getter]
    fn run_main(&self) -> bool {
        !self.job.skip_main
    }

    fn __repr__(&self) -> String {
        let job = &self.job;
        format!(
            "GradeJob(mode={:?}, func_name={:?}, tests={}, response_bytes={})",
            job.mode.name(),
            self.func_name(),
            job.tests.tests.len(),
            job.response.len()
        )
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let arguments = (
            this.response.clone_ref(py),
            this.tests(),
            this.mode(),
            this.setup_code(),
            this.canonical_solution(),
            this.func_name(),
            this.marker(),
            this.want_gt_pass(),
            this.extract(),
            this.run_main(),
            this.entry_point(),
            this.limits(py),
        );
        Ok((slf.get_type(), arguments).into_pyobject(py)?.into_any())
    }
}

/// A test that is no Python would fail every answer.
fn check_sources(py: Python<'_>, job: &Job) -> PyResult<()> {
    for (index, source) in job.tests.judged() {
        let compiled = py
            .import("builtins")?
            .call_method1("compile", (source, "<test>", "exec"));
        compiled.map_err(|error| {
            job_error(&JobError::TestSyntax {
                index,
                text: shortened(source),
                what: error.to_string(),
            })
        })?;
    }
    Ok(())
}
