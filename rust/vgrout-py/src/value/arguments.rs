//! The host's bytes → call arguments: fresh Python objects.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};
use vgrout_grader::Budget;
use vgrout_grader::codec::{Kind, Reader, Token};
use vgrout_grader::error::DecodeError;
use vgrout_grader::value::MAX_DEPTH;

use super::Classes;

/// For the host's own bytes: deeper than any argument list around values of the greatest depth.
pub const ARGUMENTS: Budget = Budget {
    max_bytes: usize::MAX,
    max_depth: MAX_DEPTH + 16,
    max_elements: usize::MAX,
};

/// Builds fresh objects from the bytes of one value.
///
/// # Errors
/// `ValueError` where the bytes are not one value, `TypeError` where a node class is missing, and whatever a node
/// class raises.
pub fn decode_py(
    py: Python<'_>,
    bytes: &[u8],
    classes: &Classes,
    budget: &Budget,
) -> PyResult<Py<PyAny>> {
    let mut decoder = Decoder {
        reader: Reader::new(bytes, budget).map_err(bad_bytes)?,
        max_depth: budget.max_depth,
        classes,
        py,
    };
    let value = decoder.value(0)?;
    decoder.reader.finish().map_err(bad_bytes)?;
    Ok(value.unbind())
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn bad_bytes(error: DecodeError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn node_class<'py>(
    class: Option<&Py<PyType>>,
    name: &str,
    py: Python<'py>,
) -> PyResult<Bound<'py, PyType>> {
    let missing = || PyTypeError::new_err(format!("the setup code defines no class {name}"));
    class
        .map(|class| class.bind(py).clone())
        .ok_or_else(missing)
}

struct Decoder<'a, 'py> {
    reader: Reader<'a>,
    max_depth: usize,
    classes: &'a Classes,
    py: Python<'py>,
}

impl<'py> Decoder<'_, 'py> {
    fn value(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let misplaced = || PyValueError::new_err("a tree slot stands outside a tree");
        self.slot(depth)?.ok_or_else(misplaced)
    }

    fn slot(&mut self, depth: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = self.py;
        Ok(Some(match self.reader.token().map_err(bad_bytes)? {
            Token::Missing => return Ok(None),
            Token::None => py.None().into_bound(py),
            Token::Bool(truth) => PyBool::new(py, truth).to_owned().into_any(),
            Token::Int(int) => int.into_pyobject(py)?.into_any(),
            Token::BigInt(bytes) => {
                let signed = PyDict::new(py);
                signed.set_item("signed", true)?;
                py.get_type::<PyInt>().call_method(
                    "from_bytes",
                    (bytes, "little"),
                    Some(&signed),
                )?
            }
            Token::Float(float) => PyFloat::new(py, float).into_any(),
            Token::Str(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => PyString::new(py, text).into_any(),
                Err(_) => {
                    PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogatepass"))?
                }
            },
            Token::Open(kind, count) => self.container(kind, count, depth + 1)?,
        }))
    }

    fn container(&mut self, kind: Kind, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        if depth > self.max_depth {
            return Err(PyValueError::new_err(format!(
                "arguments nest deeper than {}",
                self.max_depth
            )));
        }
        let py = self.py;
        if kind == Kind::Tree {
            return self.tree(count, depth);
        }
        if kind == Kind::Dict {
            let dict = PyDict::new(py);
            for _ in 0..count {
                dict.set_item(self.value(depth)?, self.value(depth)?)?;
            }
            return Ok(dict.into_any());
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Ok(match kind {
            Kind::Tuple => PyTuple::new(py, items)?.into_any(),
            Kind::Set => PySet::new(py, items)?.into_any(),
            Kind::FrozenSet => PyFrozenSet::new(py, items)?.into_any(),
            Kind::LinkedList => self.linked_list(items)?,
            _ => PyList::new(py, items)?.into_any(),
        })
    }

    fn linked_list(&self, items: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let class = node_class(self.classes.list_node.as_ref(), "ListNode", self.py)?;
        let mut next: Option<Bound<'py, PyAny>> = None;
        for item in items.into_iter().rev() {
            let node = class.call1((item,))?;
            if let Some(next) = next {
                node.setattr(intern!(self.py, "next"), next)?;
            }
            next = Some(node);
        }
        Ok(next.unwrap_or_else(|| self.py.None().into_bound(self.py)))
    }

    fn tree(&mut self, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let class = node_class(self.classes.tree_node.as_ref(), "TreeNode", py)?;
        let mut nodes: Vec<Bound<'py, PyAny>> = Vec::new();
        for slot in 0..count {
            let Some(value) = self.slot(depth)? else {
                continue;
            };
            let node = class.call1((value,))?;
            if let Some(parent) = slot.checked_sub(1) {
                let side = if parent % 2 == 0 {
                    intern!(py, "left")
                } else {
                    intern!(py, "right")
                };
                let parent = nodes.get(parent / 2);
                parent
                    .ok_or_else(|| PyValueError::new_err("a tree slot has no parent"))?
                    .setattr(side, &node)?;
            }
            nodes.push(node);
        }
        let root = nodes.into_iter().next();
        Ok(root.unwrap_or_else(|| py.None().into_bound(py)))
    }
}
