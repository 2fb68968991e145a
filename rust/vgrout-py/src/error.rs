//! The only place where a Rust error becomes a Python exception.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use vgrout_buffer::BufferError;
use vgrout_grader::JobError;
use vgrout_sandbox::SandboxError;

use crate::verdict::PyVerdict;

mod python {
    pyo3::import_exception!(vgrout.errors, ConfigError);
    pyo3::import_exception!(vgrout.errors, DataError);
    pyo3::import_exception!(vgrout.errors, GraderError);
    pyo3::import_exception!(vgrout.errors, SandboxUnavailable);
}

/// Whatever the buffer refuses is the caller's fault.
pub fn buffer_error(error: &BufferError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A malformed job is the caller's fault.
pub fn job_error(error: &JobError) -> PyErr {
    python::DataError::new_err(error.to_string())
}

/// A job's field that no job can have.
pub fn data_error(message: String) -> PyErr {
    python::DataError::new_err(message)
}

/// A setting out of range is the caller's fault.
pub fn config_error(message: &str) -> PyErr {
    python::ConfigError::new_err(message.to_owned())
}

/// The kernel refuses the fence, or the broker cannot run.
pub fn sandbox_error(error: &SandboxError) -> PyErr {
    python::SandboxUnavailable::new_err(error.to_string())
}

/// The machinery failed as a whole.
pub fn grader_error(message: &str) -> PyErr {
    python::GraderError::new_err(message.to_owned())
}

/// The machinery failed on some rollouts; the others' verdicts travel along.
pub fn rollouts_lost(
    py: Python<'_>,
    lost: &[String],
    partial: Vec<Option<Py<PyVerdict>>>,
) -> PyErr {
    let shown = lost.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
    let message = format!(
        "{} of {} rollouts have no verdict: {shown}",
        lost.len(),
        partial.len()
    );
    match partial.into_pyobject(py) {
        Ok(partial) => python::GraderError::new_err((message, partial.unbind())),
        Err(error) => error,
    }
}
