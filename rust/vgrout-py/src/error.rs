//! The only place where a Rust error becomes a Python exception.

use pyo3::PyErr;
use pyo3::exceptions::PyValueError;
use vgrout_buffer::BufferError;

/// Whatever the buffer refuses is the caller's fault.
pub fn buffer_error(error: &BufferError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
