//! `Grader`: one call a batch, the GIL released for all of it, Ctrl-C looked at several times a second.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use vgrout_grader::{MachineError, Pool, PoolConfig, Verdict};
use vgrout_sandbox::{Layer, LayerSet};

use crate::arguments::{Count, FieldText};
use crate::error::{grader_error, rollouts_lost, sandbox_error};
use crate::job::{PyGradeJob, PyLimits};
use crate::verdict::{PyFenceReport, PyGradedBatch, PyVerdict};

/// The names travel in one argument of the broker's command line, which the kernel bounds at 128 KiB.
const MOST_PRELOADED: usize = 256;
const LONGEST_NAME: usize = 255;

/// Grades answers in fenced child processes; a context manager, safe from any thread.
///
/// Raises:
///     `ConfigError`: a setting is out of range; the message names it.
///     `SandboxUnavailable`: the kernel enforces less than `min_level`, or the sandbox cannot start.
#[pyclass(frozen, name = "Grader", module = "vgrout")]
pub struct PyGrader {
    config: PoolConfig,
    pool: Mutex<Option<Owned>>,
}

/// A pool and the process that started it: threads and children do not survive a fork.
struct Owned {
    pid: u32,
    pool: Arc<Pool>,
}

#[pymethods]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts owned values")]
impl PyGrader {
    #[new]
    #[pyo3(signature = (workers=None, limits=None, min_level=FieldText::from("base"), disable_layers=Vec::new(), preload=Vec::new()), text_signature = "(workers=None, limits=None, min_level='base', disable_layers=(), preload=())")]
    fn new(
        py: Python<'_>,
        workers: Option<Count>,
        limits: Option<&Bound<'_, PyLimits>>,
        min_level: FieldText,
        disable_layers: Vec<FieldText>,
        preload: Vec<FieldText>,
    ) -> PyResult<Self> {
        let workers = match workers {
            None => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            Some(count) => usize::try_from(count.0)
                .ok()
                .filter(|count| (1..=256).contains(count))
                .ok_or_else(|| {
                    crate::error::config_error(&format!(
                        "workers: {} is outside 1..256; None takes the usable CPUs",
                        count.shown()
                    ))
                })?,
        };
        let refused = |message: String| crate::error::config_error(&message);
        let layer = |name: FieldText, field: &str| {
            let name = name.checked(field).map_err(refused)?;
            name.parse::<Layer>()
                .map_err(|error| refused(error.to_string()))
        };
        let mut disabled = LayerSet::default();
        for name in disable_layers {
            disabled.insert(layer(name, "disable_layers")?);
        }
        disabled
            .check_disabled()
            .map_err(|error| refused(error.to_string()))?;
        let min_level = layer(min_level, "min_level")?;
        let preload = module_names(preload).map_err(refused)?;
        let (python, extension) = own_paths(py)?;
        let limits = limits
            .map_or_else(PyLimits::default, |limits| limits.get().clone())
            .limits();
        let config = PoolConfig {
            workers,
            limits,
            min_level,
            disabled,
            path: if preload.is_empty() {
                Vec::new()
            } else {
                import_path(py)?
            },
            preload,
            python,
            extension,
        };
        let grader = Self {
            config,
            pool: Mutex::new(None),
        };
        grader.start(py)?;
        Ok(grader)
    }

    /// Grade every job; one verdict per job, in order.
    ///
    /// `progress` is called now and then with the number of finished jobs.
    ///
    /// Raises:
    ///     `GraderError`: the machinery failed twice on a rollout; `partial` holds the other verdicts.
    ///     `KeyboardInterrupt`: Ctrl-C; every child is gone when it arrives, and its `partial` holds what was graded.
    #[pyo3(signature = (jobs, *, progress=None))]
    fn grade(
        &self,
        py: Python<'_>,
        jobs: Vec<Bound<'_, PyGradeJob>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyGradedBatch> {
        let pool = self.pool(py)?;
        let jobs: Vec<_> = jobs.iter().map(|job| Arc::clone(&job.get().job)).collect();
        let mut interrupt = None;
        let mut shown = 0;
        let results = py.detach(|| {
            pool.grade(&jobs, &mut |finished| {
                let seen = Python::attach(|py| {
                    py.check_signals()?;
                    match &progress {
                        Some(callback) if finished != shown => {
                            callback.call1(py, (finished,)).map(drop)
                        }
                        _ => Ok(()),
                    }
                });
                shown = finished;
                if let Err(error) = seen {
                    interrupt = Some(error);
                }
                interrupt.is_none()
            })
        });
        if let Some(error) = interrupt {
            return Err(with_partial(py, error, results));
        }
        if let Some(callback) = progress {
            callback.call1(py, (jobs.len(),))?;
        }
        let fence = Py::new(py, PyFenceReport::from(pool.fence()))?;
        collect(py, results).map(|verdicts| PyGradedBatch { verdicts, fence })
    }

    /// What the fence enforces.
    #[getter]
    fn fence(&self, py: Python<'_>) -> PyResult<PyFenceReport> {
        Ok(PyFenceReport::from(self.pool(py)?.fence()))
    }

    /// End the workers and every process of theirs; a closed grader refuses further batches.
    fn close(&self, py: Python<'_>) {
        let owned = self.lock().take();
        py.detach(|| drop_owned(owned));
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }
}

impl PyGrader {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Owned>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, py: Python<'_>) -> PyResult<Arc<Pool>> {
        let pool = py
            .detach(|| Pool::start(self.config.clone()))
            .map_err(|error| sandbox_error(&error))?;
        let pool = Arc::new(pool);
        *self.lock() = Some(Owned {
            pid: std::process::id(),
            pool: Arc::clone(&pool),
        });
        Ok(pool)
    }

    fn pool(&self, py: Python<'_>) -> PyResult<Arc<Pool>> {
        {
            let mut guard = self.lock();
            match guard.as_ref() {
                None => return Err(grader_error("the grader is closed; make a new one")),
                Some(owned) if owned.pid == std::process::id() => {
                    return Ok(Arc::clone(&owned.pool));
                }
                // The parent's threads and processes: ours only in name, and not ours to close.
                Some(_) => std::mem::forget(guard.take()),
            }
        }
        self.start(py)
    }
}

impl Drop for PyGrader {
    fn drop(&mut self) {
        let owned = self.lock().take();
        drop_owned(owned);
    }
}

fn drop_owned(owned: Option<Owned>) {
    match owned {
        Some(owned) if owned.pid != std::process::id() => std::mem::forget(owned),
        // Others may still hold the pool, waiting for verdicts.
        Some(owned) => owned.pool.close(),
        None => {}
    }
}

/// An interruption that brings along, as `partial`, the verdicts there are: what was paid for is not lost.
fn with_partial(
    py: Python<'_>,
    error: PyErr,
    results: Vec<Result<Verdict, MachineError>>,
) -> PyErr {
    let partial: PyResult<Vec<_>> = results
        .into_iter()
        .map(|result| {
            let verdict = result.ok().map(|verdict| PyVerdict::new(py, verdict));
            verdict.map(|verdict| Py::new(py, verdict)).transpose()
        })
        .collect();
    // An exception that has no room for it is still what the caller must see.
    drop(partial.and_then(|partial| error.value(py).setattr("partial", partial)));
    error
}

fn collect(
    py: Python<'_>,
    results: Vec<Result<Verdict, MachineError>>,
) -> PyResult<Vec<Py<PyVerdict>>> {
    let mut lost = Vec::new();
    let mut verdicts = Vec::with_capacity(results.len());
    for (index, result) in results.into_iter().enumerate() {
        verdicts.push(match result {
            Ok(verdict) => Some(Py::new(py, PyVerdict::new(py, verdict))?),
            Err(error) => {
                lost.push((index, error));
                None
            }
        });
    }
    if lost.is_empty() {
        Ok(verdicts.into_iter().flatten().collect())
    } else {
        Err(rollouts_lost(py, &lost, verdicts))
    }
}

fn module_names(names: Vec<FieldText>) -> Result<Vec<String>, String> {
    if names.len() > MOST_PRELOADED {
        return Err(format!(
            "preload: {} names, expected at most {MOST_PRELOADED}",
            names.len()
        ));
    }
    let checked = |name: FieldText| {
        let name = name.checked("preload")?;
        if name.len() > LONGEST_NAME {
            return Err(format!(
                "preload: a name of {} bytes, expected at most {LONGEST_NAME}",
                name.len()
            ));
        }
        is_module_name(&name)
            .then(|| name.clone())
            .ok_or_else(|| format!("preload: {name:?} is not a module name"))
    };
    names.into_iter().map(checked).collect()
}

fn is_module_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    name.split('.').all(part)
}

/// `sys.path` as absolute paths: the broker runs elsewhere.
fn import_path(py: Python<'_>) -> PyResult<Vec<String>> {
    let here = py.import("os")?.getattr("path")?.getattr("abspath")?;
    let entries = py.import("sys")?.getattr("path")?.try_iter()?;
    let mut path = Vec::new();
    for entry in entries {
        // Python passes over what is no text, and so do we over what is no UTF-8.
        if let Ok(entry) = entry?.extract::<String>() {
            path.push(here.call1((entry,))?.extract()?);
        }
    }
    Ok(path)
}

/// The interpreter that runs us and the file of this extension.
fn own_paths(py: Python<'_>) -> PyResult<(PathBuf, PathBuf)> {
    let executable: Option<PathBuf> = py.import("sys")?.getattr("executable")?.extract()?;
    let extension: PathBuf = py
        .import("vgrout._native")?
        .getattr("__file__")?
        .extract()?;
    let python = executable.filter(|path| !path.as_os_str().is_empty());
    let python = python.ok_or_else(|| {
        PyTypeError::new_err("sys.executable is empty: no interpreter to run the sandbox with")
    })?;
    Ok((python, extension))
}
