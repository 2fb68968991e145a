//! Arguments that a caller may get wrong in ways Rust types cannot hold: their refusal names the field.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A Python text; none stands for one with a lone surrogate.
#[derive(Clone)]
pub(crate) struct FieldText(Option<String>);

impl FieldText {
    pub(crate) fn empty() -> Self {
        Self(Some(String::new()))
    }

    /// The text, or the words that refuse it.
    pub(crate) fn checked(self, field: &str) -> Result<String, String> {
        let refused = || format!("{field}: the text holds a lone surrogate, expected Unicode text");
        self.0.ok_or_else(refused)
    }
}

impl From<&str> for FieldText {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl FromPyObject<'_, '_> for FieldText {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>()?;
        Ok(Self(text.to_str().ok().map(str::to_owned)))
    }
}

/// A Python int of any size; `i64::MIN` stands for one that no setting can be.
#[derive(Clone, Copy)]
pub(crate) struct Count(pub i64);

impl Count {
    /// As it was given, where a machine word holds it.
    pub(crate) fn shown(self) -> String {
        match self.0 {
            i64::MIN => "what was given".to_owned(),
            value => value.to_string(),
        }
    }
}

impl FromPyObject<'_, '_> for Count {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match value.extract() {
            Ok(count) => Ok(Self(count)),
            Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Ok(Self(i64::MIN)),
            Err(error) => Err(error),
        }
    }
}
