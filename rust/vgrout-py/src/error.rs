//! The only place where a Rust error becomes a Python exception.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use vgrout_buffer::BufferError;
use vgrout_grader::{JobError, MachineError};
use vgrout_sandbox::SandboxError;

use crate::verdict::PyVerdict;

/// How many lost rollouts a message names.
const SHOWN: usize = 5;

mod python {
    pyo3::import_exception!(vgrout.errors, ConfigError);
    pyo3::import_exception!(vgrout.errors, DataError);
    pyo3::import_exception!(vgrout.errors, GraderError);
    pyo3::import_exception!(vgrout.errors, JobFault);
    pyo3::import_exception!(vgrout.errors, SandboxUnavailable);
}

/// Whatever the buffer refuses is the caller's fault.
pub(crate) fn buffer_error(error: &BufferError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A malformed job is the caller's fault.
pub(crate) fn job_error(error: &JobError) -> PyErr {
    python::DataError::new_err(error.to_string())
}

/// A job's field that no job can have.
pub(crate) fn data_error(message: String) -> PyErr {
    python::DataError::new_err(message)
}

/// A setting out of range is the caller's fault.
pub(crate) fn config_error(message: &str) -> PyErr {
    python::ConfigError::new_err(message.to_owned())
}

/// The kernel refuses the fence, or the broker cannot run.
pub(crate) fn sandbox_error(error: &SandboxError) -> PyErr {
    python::SandboxUnavailable::new_err(error.to_string())
}

/// The machinery failed as a whole.
pub(crate) fn grader_error(message: &str) -> PyErr {
    python::GraderError::new_err(message.to_owned())
}

/// Some rollouts have no verdict; the others' travel along.
///
/// Where every lost one is its job's own fault, that is what the error says: trying again would not help.
pub(crate) fn rollouts_lost(
    py: Python<'_>,
    lost: &[(usize, MachineError)],
    partial: Vec<Option<Py<PyVerdict>>>,
) -> PyErr {
    let is_fault = |error: &MachineError| {
        use MachineError::{Memory, Setup, Test};
        matches!(error, Setup { .. } | Test { .. } | Memory { .. })
    };
    let all_faults = lost.iter().all(|(_, error)| is_fault(error));
    let shown: Vec<_> = lost
        .iter()
        .take(SHOWN)
        .map(|(index, error)| format!("jobs[{index}]: {error}"))
        .collect();
    let what = if all_faults {
        "jobs cannot be graded"
    } else {
        "rollouts have no verdict"
    };
    let (count, total) = (lost.len(), partial.len());
    let message = format!("{count} of {total} {what}: {}", shown.join("; "));
    let faults: Vec<_> = lost
        .iter()
        .filter(|(_, error)| is_fault(error))
        .map(|(index, error)| (*index, error.to_string()))
        .collect();
    match (partial.into_pyobject(py), faults.into_pyobject(py)) {
        (Ok(partial), Ok(faults)) if all_faults => {
            python::JobFault::new_err((message, partial.unbind(), faults.unbind()))
        }
        (Ok(partial), Ok(faults)) => {
            python::GraderError::new_err((message, partial.unbind(), faults.unbind()))
        }
        (Ok(partial), _) => python::GraderError::new_err((message, partial.unbind())),
        (Err(error), _) => error,
    }
}
