//! The host's bytes → call arguments: fresh Python objects.

use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
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
pub(crate) const ARGUMENTS: Budget = Budget {
    max_bytes: usize::MAX,
    max_depth: MAX_DEPTH + 16,
    max_elements: usize::MAX,
};

/// Builds fresh objects from the bytes of one value.
///
/// # Errors
/// `ValueError` where the bytes are not one value, `TypeError` where a node class is missing, and whatever a node
/// class raises.
pub(crate) fn decode_py(
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

/// A node, made in the first way that its class allows: from its value, the links set afterwards; from all of them; from
/// nothing.
fn new_node<'py, const N: usize>(
    class: &Bound<'py, PyType>,
    value: Bound<'py, PyAny>,
    links: &[(&str, Option<Bound<'py, PyAny>>); N],
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let set = |node: &Bound<'py, PyAny>| {
        let mut present = links
            .iter()
            .filter_map(|(name, link)| Some((name, link.as_ref()?)));
        present.try_for_each(|(name, link)| node.setattr(*name, link))
    };
    let is_of_class = |error: &PyErr| {
        error.is_instance_of::<PyTypeError>(py) || error.is_instance_of::<PyAttributeError>(py)
    };
    let from_value = class
        .call1((&value,))
        .and_then(|node| set(&node).map(|()| node));
    let error = match from_value {
        Err(error) if is_of_class(&error) => error,
        made => return made,
    };
    let none = || py.None().into_bound(py);
    let all = std::iter::once(value.clone());
    let all = all.chain(
        links
            .iter()
            .map(|(_, link)| link.clone().unwrap_or_else(none)),
    );
    if let Ok(node) = class.call1(PyTuple::new(py, all.collect::<Vec<_>>())?) {
        return Ok(node);
    }
    let bare = class.call0().map_err(|_| error)?;
    bare.setattr("val", value)?;
    set(&bare).map(|()| bare)
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
            next = Some(new_node(&class, item, &[("next", next)])?);
        }
        Ok(next.unwrap_or_else(|| self.py.None().into_bound(self.py)))
    }

    fn tree(&mut self, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let class = node_class(self.classes.tree_node.as_ref(), "TreeNode", py)?;
        let slots = (0..count)
            .map(|_| self.slot(depth))
            .collect::<PyResult<Vec<_>>>()?;
        let present = slots.iter().flatten().count();
        if slots.len() > 2 * present + 1 {
            return Err(PyValueError::new_err("a tree slot has no parent"));
        }
        // From the last slot on, so that a node's children are there when it is made.
        let mut nodes: Vec<Option<Bound<'py, PyAny>>> = vec![None; slots.len()];
        let mut place = present;
        for (slot, value) in slots.into_iter().enumerate().rev() {
            let Some(value) = value else { continue };
            place -= 1;
            let mut child = |slot: usize| nodes.get_mut(slot).and_then(Option::take);
            let (left, right) = (child(2 * place + 1), child(2 * place + 2));
            nodes[slot] = Some(new_node(
                &class,
                value,
                &[("left", left), ("right", right)],
            )?);
        }
        let root = nodes.into_iter().next().flatten();
        Ok(root.unwrap_or_else(|| py.None().into_bound(py)))
    }
}
