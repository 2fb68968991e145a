//! Python objects ↔ the bytes of `vgrout_grader::codec`, inside the sandboxed process.
//!
//! [`encode_py`] looks at what an answer returned. It goes by exact type only and calls nothing that an answer can
//! define: no `__eq__`, `__hash__`, `__iter__`, `__getattribute__`, no property. [`decode_py`] builds the call
//! arguments, which are the host's own.

mod arguments;

use std::collections::VecDeque;
use std::fmt;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};
use vgrout_grader::Budget;
use vgrout_grader::codec::{Kind, Writer};
use vgrout_grader::value::MAX_DEPTH;

pub use arguments::decode_py;

/// The classes whose instances count as values although they are no builtins.
pub struct Classes {
    list_node: Option<NodeClass>,
    tree_node: Option<NodeClass>,
    dict_like: Vec<Py<PyType>>,
}

/// A node class and the descriptor of its instances' `__dict__`, which no later change of the class replaces.
struct NodeClass {
    class: Py<PyType>,
    fields: Option<Py<PyAny>>,
}

impl Classes {
    /// Takes the dict subclasses of `collections`, and the node classes where there are any.
    ///
    /// # Errors
    /// `collections` cannot be imported.
    pub fn capture(
        py: Python<'_>,
        list_node: Option<&Bound<'_, PyType>>,
        tree_node: Option<&Bound<'_, PyType>>,
    ) -> PyResult<Self> {
        let collections = py.import("collections")?;
        let dict_like = ["defaultdict", "Counter", "OrderedDict"]
            .into_iter()
            .filter_map(|name| {
                let class = collections.getattr(name).ok()?;
                Some(class.cast_into::<PyType>().ok()?.unbind())
            });
        Ok(Self {
            dict_like: dict_like.collect(),
            list_node: list_node.map(NodeClass::capture),
            tree_node: tree_node.map(NodeClass::capture),
        })
    }

    fn is_dict_like(&self, class: &Bound<'_, PyType>) -> bool {
        self.dict_like.iter().any(|known| known.is(class))
    }
}

impl NodeClass {
    fn capture(class: &Bound<'_, PyType>) -> Self {
        Self {
            class: class.clone().unbind(),
            fields: dict_descriptor(class).map(Bound::unbind),
        }
    }

    fn made<'py>(
        class: Option<&Self>,
        name: &'static str,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyType>> {
        let missing = || PyTypeError::new_err(format!("the setup code defines no class {name}"));
        class
            .map(|class| class.class.bind(py).clone())
            .ok_or_else(missing)
    }
}

/// The native descriptor in `class.__dict__["__dict__"]`; none where the class has slots or hides it.
fn dict_descriptor<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyAny>> {
    let py = class.py();
    let type_of_types = py.get_type::<PyType>();
    let native = type_of_types
        .getattr("__dict__")
        .ok()?
        .get_item("__dict__")
        .ok()?;
    if !class.get_type().is(&type_of_types) {
        return None;
    }
    let descriptor = class.getattr("__dict__").ok()?.get_item("__dict__").ok()?;
    descriptor
        .get_type()
        .is(native.get_type())
        .then_some(descriptor)
}

/// Why a returned object cannot be a claim.
#[derive(Debug)]
pub enum EncodeRefusal {
    /// An object of this type is no value.
    BadType(String),
    /// Containers nest deeper than the budget, or contain themselves.
    TooDeep,
    /// More bytes or elements than the budget, or a chain of nodes that never ends.
    TooBig,
}

impl fmt::Display for EncodeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadType(name) => f.write_str(name),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::TooBig => f.write_str("too big"),
        }
    }
}

impl From<PyErr> for EncodeRefusal {
    fn from(error: PyErr) -> Self {
        Python::attach(|py| Self::BadType(type_name(&error.get_type(py))))
    }
}

fn type_name(class: &Bound<'_, PyType>) -> String {
    // The name may hold a lone surrogate.
    class.name().map_or_else(
        |_| "?".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Appends the encoding of `object`; on refusal `out` is as it was.
///
/// # Errors
/// What about the object, or about an object inside it, is refused.
pub fn encode_py(
    object: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
    classes: &Classes,
    budget: &Budget,
) -> Result<(), EncodeRefusal> {
    let start = out.len();
    let mut encoder = Encoder {
        end: start.saturating_add(budget.max_bytes),
        max_depth: budget.max_depth.min(MAX_DEPTH),
        elements_left: budget.max_elements,
        out,
        classes,
    };
    let result = encoder.value(object, 0);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    end: usize,
    max_depth: usize,
    elements_left: usize,
    classes: &'a Classes,
}

type Encoded = Result<(), EncodeRefusal>;

impl Encoder<'_> {
    fn value(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Encoded {
        self.count(1)?;
        if object.is_exact_instance_of::<PyInt>() {
            return self.int(object);
        }
        if let Ok(text) = object.cast_exact::<PyString>() {
            self.text(text)?;
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            self.open(Kind::List, list.len(), depth)?;
            for index in 0..list.len() {
                self.value(&list.get_item(index)?, depth + 1)?;
            }
        } else if let Ok(float) = object.cast_exact::<PyFloat>() {
            Writer(self.out).float(float.value());
        } else if let Ok(truth) = object.cast_exact::<PyBool>() {
            Writer(self.out).bool(truth.is_true());
        } else if object.is_none() {
            Writer(self.out).none();
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            self.open(Kind::Tuple, tuple.len(), depth)?;
            for item in tuple.iter() {
                self.value(&item, depth + 1)?;
            }
        } else {
            self.rarer(object, depth)?;
        }
        self.check_size()
    }

    fn rarer(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Encoded {
        let class = object.get_type();
        let classes = self.classes;
        if object.is_exact_instance_of::<PyDict>() || classes.is_dict_like(&class) {
            return self.dict(object.cast::<PyDict>().map_err(PyErr::from)?, depth);
        }
        if object.is_exact_instance_of::<PySet>() {
            return self.elements(Kind::Set, object, depth);
        }
        if object.is_exact_instance_of::<PyFrozenSet>() {
            return self.elements(Kind::FrozenSet, object, depth);
        }
        if let Some(node) = classes
            .list_node
            .as_ref()
            .filter(|node| node.class.is(&class))
        {
            return self.linked_list(object, node, depth);
        }
        if let Some(node) = classes
            .tree_node
            .as_ref()
            .filter(|node| node.class.is(&class))
        {
            return self.tree(object, node, depth);
        }
        Err(EncodeRefusal::BadType(type_name(&class)))
    }

    fn count(&mut self, elements: usize) -> Encoded {
        self.elements_left = self
            .elements_left
            .checked_sub(elements)
            .ok_or(EncodeRefusal::TooBig)?;
        Ok(())
    }

    fn check_size(&self) -> Encoded {
        if self.out.len() > self.end {
            return Err(EncodeRefusal::TooBig);
        }
        Ok(())
    }

    fn open(&mut self, kind: Kind, count: usize, depth: usize) -> Result<usize, EncodeRefusal> {
        if depth >= self.max_depth {
            return Err(EncodeRefusal::TooDeep);
        }
        if count > self.elements_left {
            return Err(EncodeRefusal::TooBig);
        }
        Ok(Writer(self.out).open(kind, count))
    }

    fn int(&mut self, object: &Bound<'_, PyAny>) -> Encoded {
        if let Ok(small) = object.extract::<i64>() {
            Writer(self.out).int(small);
            return self.check_size();
        }
        let py = object.py();
        // Methods of exact ints, which no answer can replace.
        let bits: usize = object.call_method0(intern!(py, "bit_length"))?.extract()?;
        let length = bits / 8 + 1;
        if self.out.len().saturating_add(length) > self.end {
            return Err(EncodeRefusal::TooBig);
        }
        let signed = PyDict::new(py);
        signed.set_item(intern!(py, "signed"), true)?;
        let arguments = (length, intern!(py, "little"));
        let bytes = object.call_method(intern!(py, "to_bytes"), arguments, Some(&signed))?;
        let bytes = bytes.cast::<PyBytes>().map_err(PyErr::from)?;
        Writer(self.out).bigint(bytes.as_bytes());
        self.check_size()
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> Encoded {
        if self.out.len().saturating_add(text.len()?) > self.end {
            return Err(EncodeRefusal::TooBig);
        }
        if let Ok(utf8) = text.to_str() {
            Writer(self.out).str(utf8.as_bytes());
            return Ok(());
        }
        let bytes = text.call_method1(intern!(text.py(), "encode"), ("utf-8", "surrogatepass"))?;
        let bytes = bytes.cast::<PyBytes>().map_err(PyErr::from)?;
        Writer(self.out).str(bytes.as_bytes());
        Ok(())
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>, depth: usize) -> Encoded {
        if dict.len() > self.elements_left / 2 {
            return Err(EncodeRefusal::TooBig);
        }
        // Collected first: nothing that could change the dict runs while it is walked.
        let pairs: Vec<_> = dict.iter().collect();
        self.open(Kind::Dict, pairs.len(), depth)?;
        for (key, value) in pairs {
            self.value(&key, depth + 1)?;
            self.value(&value, depth + 1)?;
        }
        Ok(())
    }

    fn elements(&mut self, kind: Kind, set: &Bound<'_, PyAny>, depth: usize) -> Encoded {
        if set.len()? > self.elements_left {
            return Err(EncodeRefusal::TooBig);
        }
        let items = set.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        self.open(kind, items.len(), depth)?;
        for item in items {
            self.value(&item, depth + 1)?;
        }
        Ok(())
    }

    fn linked_list(&mut self, head: &Bound<'_, PyAny>, class: &NodeClass, depth: usize) -> Encoded {
        let place = self.open(Kind::LinkedList, 1, depth)?;
        let mut node = head.clone();
        let mut count = 0;
        loop {
            let [value, next] = fields(&node, class, ["val", "next"])?;
            self.value(&value, depth + 1)?;
            count += 1;
            if next.is_none() {
                Writer(self.out).set_count(place, count);
                return Ok(());
            }
            node = of_class(next, class)?;
        }
    }

    fn tree(&mut self, root: &Bound<'_, PyAny>, class: &NodeClass, depth: usize) -> Encoded {
        let place = self.open(Kind::Tree, 1, depth)?;
        let mut queue = VecDeque::from([Some(root.clone())]);
        let mut slots = 0;
        let mut kept = (0, self.out.len());
        while let Some(slot) = queue.pop_front() {
            slots += 1;
            let Some(node) = slot else {
                self.count(1)?;
                Writer(self.out).missing();
                self.check_size()?;
                continue;
            };
            let [value, left, right] = fields(&node, class, ["val", "left", "right"])?;
            self.value(&value, depth + 1)?;
            kept = (slots, self.out.len());
            for child in [left, right] {
                queue.push_back(if child.is_none() {
                    None
                } else {
                    Some(of_class(child, class)?)
                });
            }
        }
        // Slots after the last node are left out.
        self.out.truncate(kept.1);
        Writer(self.out).set_count(place, kept.0);
        Ok(())
    }
}

fn of_class<'py>(
    object: Bound<'py, PyAny>,
    class: &NodeClass,
) -> Result<Bound<'py, PyAny>, EncodeRefusal> {
    let own = object.get_type();
    if class.class.is(&own) {
        Ok(object)
    } else {
        Err(EncodeRefusal::BadType(type_name(&own)))
    }
}

/// Reads attributes from the instance's own dict, past any property or `__getattribute__`.
fn fields<'py, const N: usize>(
    node: &Bound<'py, PyAny>,
    class: &NodeClass,
    names: [&str; N],
) -> Result<[Bound<'py, PyAny>; N], EncodeRefusal> {
    let py = node.py();
    let refused = || EncodeRefusal::BadType(type_name(&node.get_type()));
    let descriptor = class.fields.as_ref().ok_or_else(refused)?.bind(py);
    let dict = descriptor.call_method1(intern!(py, "__get__"), (node, class.class.bind(py)))?;
    let dict = dict.cast_exact::<PyDict>().map_err(|_| refused())?;
    let mut found: [Option<Bound<'py, PyAny>>; N] = std::array::from_fn(|_| None);
    // Walked, not looked up: a lookup may ask another key's `__eq__`.
    for (key, value) in dict.iter() {
        let Ok(key) = key.cast_exact::<PyString>() else {
            continue;
        };
        let key = key.to_str().unwrap_or_default();
        if let Some(index) = names.iter().position(|name| *name == key) {
            found[index] = Some(value);
        }
    }
    if found.iter().any(Option::is_none) {
        return Err(refused());
    }
    Ok(found.map(|value| value.unwrap_or_else(|| py.None().into_bound(py))))
}
