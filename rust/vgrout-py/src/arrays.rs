//! Conversions between Python objects and plain values; everything here is safe code.

use std::ffi::CStr;

use pyo3::BoundObject;
use pyo3::buffer::{Element as BufferElement, PyBuffer};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

pub(crate) fn field<'py>(state: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    state.get_item(name)?.ok_or_else(|| {
        PyValueError::new_err(format!(
            "state[{name:?}]: missing; give what state_dict() of a ScoreBuffer returned"
        ))
    })
}

pub(crate) fn expect_field<'py>(
    state: &Bound<'py, PyDict>,
    name: &str,
    expected: impl IntoPyObject<'py>,
) -> PyResult<()> {
    let found = field(state, name)?;
    let expected = expected
        .into_pyobject(state.py())
        .map_err(Into::into)?
        .into_any()
        .into_bound();
    if found.eq(&expected)? {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "state[{name:?}]: found {}, but this buffer has {}; build the buffer as the saved one was",
        found.repr()?,
        expected.repr()?
    )))
}

/// A size given as a Python integer.
pub(crate) fn natural(name: &str, value: &Bound<'_, PyAny>) -> PyResult<usize> {
    value.extract::<usize>().map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            PyValueError::new_err(format!(
                "{name}: {value} is outside the range of sizes; give a positive integer"
            ))
        } else {
            error
        }
    })
}

/// Whether a buffer's items have this machine's byte order, which `PyBuffer` does not check.
pub(crate) fn is_native(format: &CStr) -> bool {
    let foreign: &[u8] = if cfg!(target_endian = "little") {
        b">!"
    } else {
        b"<"
    };
    !format
        .to_bytes()
        .first()
        .is_some_and(|first| foreign.contains(first))
}

/// A `numpy` array of what was given, sharing memory where possible.
pub(crate) fn to_numpy<'py>(
    object: &Bound<'py, PyAny>,
    field: &str,
    bits: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    if object.hasattr(intern!(py, "detach"))? && object.hasattr(intern!(py, "is_cpu"))? {
        if !object.getattr(intern!(py, "is_cpu"))?.is_truthy()? {
            let device = object.getattr(intern!(py, "device"))?;
            return Err(PyValueError::new_err(format!(
                "{field}: the tensor is on {device}; pass tensor.cpu()"
            )));
        }
        let tensor = object.call_method0(intern!(py, "detach"))?;
        let torch = py.import(intern!(py, "torch"))?;
        let dtype = tensor.getattr(intern!(py, "dtype"))?;
        let tensor = match dtype.str()?.to_str()? {
            "torch.bfloat16" if bits => {
                tensor.call_method1(intern!(py, "view"), (torch.getattr("int16")?,))?
            }
            "torch.bfloat16" => tensor.call_method0(intern!(py, "float"))?,
            _ => tensor,
        };
        return tensor.call_method0(intern!(py, "numpy"));
    }
    py.import(intern!(py, "numpy"))?
        .call_method1(intern!(py, "asarray"), (object,))
}

/// A contiguous, aligned buffer of `array` as `dtype`, its items then seen as `seen` (of the same size).
pub(crate) fn in_place<T: BufferElement>(
    array: &Bound<'_, PyAny>,
    dtype: &str,
    seen: &str,
) -> PyResult<PyBuffer<T>> {
    let py = array.py();
    let requirements = PyList::new(py, ["C", "A"])?;
    let native = dtype.trim_start_matches(['>', '<', '=', '|']);
    let native = match native {
        "i2" => "int16",
        "u2" => "uint16",
        name => name,
    };
    let array = py
        .import(intern!(py, "numpy"))?
        .call_method1(intern!(py, "require"), (array, native, requirements))?;
    PyBuffer::get(&array.call_method1(intern!(py, "view"), (seen,))?)
}

pub(crate) fn new_array<'py, T: BufferElement>(
    py: Python<'py>,
    values: &[T],
    dtype: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let array = py
        .import(intern!(py, "numpy"))?
        .call_method1(intern!(py, "empty"), (values.len(), dtype))?;
    if !values.is_empty() {
        PyBuffer::<T>::get(&array)?.copy_from_slice(py, values)?;
    }
    Ok(array)
}

pub(crate) fn float64_array<'py>(py: Python<'py>, values: &[f64]) -> PyResult<Bound<'py, PyAny>> {
    new_array(py, values, "float64")
}
