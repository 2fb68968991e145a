//! Why a returned object is no claim.

use std::fmt;

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Why a returned object cannot be a claim.
#[derive(Debug)]
pub(crate) enum EncodeRefusal {
    /// An object of this type is no value.
    BadType(String),
    /// Containers nest deeper than the budget, or contain themselves.
    TooDeep,
    /// More bytes or elements than the budget, or a chain of nodes that never ends.
    TooBig,
    /// The process has no memory left to send it.
    NoMemory,
}

impl fmt::Display for EncodeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadType(name) => f.write_str(name),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::TooBig => f.write_str("too big"),
            Self::NoMemory => f.write_str("no memory left"),
        }
    }
}

impl From<PyErr> for EncodeRefusal {
    fn from(error: PyErr) -> Self {
        Python::attach(|py| {
            if error.is_instance_of::<PyMemoryError>(py) {
                Self::NoMemory
            } else {
                Self::BadType(type_name(&error.get_type(py)))
            }
        })
    }
}

/// The class's name, for a message.
pub(super) fn type_name(class: &Bound<'_, PyType>) -> String {
    // The name may hold a lone surrogate.
    class.name().map_or_else(
        |_| "?".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
