//! Python objects ↔ the bytes of `vgrout_grader::codec`, inside the sandboxed process.
//!
//! [`encode_py`] looks at what an answer returned. It goes by exact type only and calls nothing that an answer can
//! define: no `__eq__`, `__hash__`, `__iter__`, `__getattribute__`, no property, no finalizer. [`decode_py`] builds
//! the call arguments, which are the host's own.

mod arguments;
mod nodes;
mod refusal;

use std::collections::VecDeque;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};
use vgrout_grader::Budget;
use vgrout_grader::codec::{Kind, Writer};
use vgrout_grader::value::MAX_DEPTH;

pub(crate) use arguments::{ARGUMENTS, decode_py};
use nodes::{Layout, Layouts, Native, Shape};
pub(crate) use refusal::EncodeRefusal;
use refusal::type_name;

/// The classes whose instances count as values although they are no builtins.
pub(crate) struct Classes {
    native: Native,
    dict_like: Vec<Py<PyType>>,
    /// The views of a dict that equal a set.
    views: Vec<Py<PyType>>,
    /// What arguments are built of: the answer's own classes where it defines them.
    list_node: Option<Py<PyType>>,
    tree_node: Option<Py<PyType>>,
    /// The classes of these names before the answer was run.
    setup: [Option<Py<PyType>>; 2],
}

impl Classes {
    /// Takes what Python itself has to offer, before any answer runs; there are no node classes yet.
    ///
    /// # Errors
    /// `collections` or `gc` cannot be imported.
    pub(crate) fn capture(py: Python<'_>) -> PyResult<Self> {
        let collections = py.import("collections")?;
        let dict_like = ["defaultdict", "Counter", "OrderedDict"]
            .into_iter()
            .filter_map(|name| {
                let class = collections.getattr(name).ok()?;
                Some(class.cast_into::<PyType>().ok()?.unbind())
            });
        let views = [
            PyDict::new(py).into_any(),
            collections.getattr("OrderedDict")?.call0()?,
        ]
        .iter()
        .flat_map(|dict| ["keys", "items"].map(|view| dict.call_method0(view)))
        .map(|view| Ok(view?.get_type().unbind()))
        .collect::<PyResult<_>>()?;
        Ok(Self {
            native: Native::take(py)?,
            views,
            dict_like: dict_like.collect(),
            list_node: None,
            tree_node: None,
            setup: [None, None],
        })
    }

    /// Takes the node classes of the setup code; those of an earlier call stay.
    pub(crate) fn set_setup_nodes(&mut self, list_and_tree: [&Bound<'_, PyAny>; 2]) {
        for (slot, class) in self.setup.iter_mut().zip(list_and_tree) {
            *slot = slot.take().or_else(|| node_class(class));
        }
    }

    /// Takes the classes that arguments are built of.
    pub(crate) fn set_nodes(&mut self, list_node: &Bound<'_, PyAny>, tree_node: &Bound<'_, PyAny>) {
        self.list_node = node_class(list_node);
        self.tree_node = node_class(tree_node);
    }

    fn is_dict_like(&self, class: &Bound<'_, PyType>) -> bool {
        self.dict_like.iter().any(|known| known.is(class))
    }

    fn is_view(&self, class: &Bound<'_, PyType>) -> bool {
        self.views.iter().any(|known| known.is(class))
    }

    /// The builtin whose value and whose `==` the instances of this class have; none where the class, or one between,
    /// compares in a way of its own.
    fn builtin_base(&self, class: &Bound<'_, PyType>) -> Option<BuiltinBase> {
        use BuiltinBase as B;
        let py = class.py();
        let bases = [
            (py.get_type::<PyTuple>(), B::Tuple),
            (py.get_type::<PyInt>(), B::Int),
            (py.get_type::<PyString>(), B::Str),
            (py.get_type::<PyList>(), B::List),
            (py.get_type::<PyDict>(), B::Dict),
            (py.get_type::<PyFloat>(), B::Float),
            (py.get_type::<PySet>(), B::Set),
            (py.get_type::<PyFrozenSet>(), B::FrozenSet),
        ];
        for base in self.native.mro(class)?.iter() {
            let base = base.cast_into::<PyType>().ok()?;
            if let Some((_, kind)) = bases.iter().find(|(known, _)| known.is(&base)) {
                return Some(*kind);
            }
            if self.is_dict_like(&base) {
                return Some(B::Dict);
            }
            if self.native.defines_equality(&base) {
                return None;
            }
        }
        None
    }

    fn nodes(&self, shape: Shape) -> impl Iterator<Item = &Py<PyType>> {
        let (own, [list_node, tree_node]) = (self, &self.setup);
        let pair = match shape {
            Shape::List => [&own.list_node, list_node],
            Shape::Tree => [&own.tree_node, tree_node],
        };
        pair.into_iter().flatten()
    }

    fn has_nodes(&self, shape: Shape) -> bool {
        self.nodes(shape).next().is_some()
    }

    fn is_node_class(&self, class: &Bound<'_, PyAny>, shape: Shape) -> bool {
        self.nodes(shape).any(|known| known.is(class))
    }

    /// Whether the object's class, or a class it derives from, defines `__eq__` in a module of this name.
    pub(crate) fn has_own_equality(&self, object: &Bound<'_, PyAny>, module: &str) -> bool {
        let _paused = self.native.pause(object.py());
        let order = self.native.mro(&object.get_type());
        order.into_iter().flatten().any(|base| {
            let (mut defines, mut at_home) = (false, false);
            for (key, value) in base
                .cast::<PyType>()
                .map(|base| self.native.namespace(base))
                .unwrap_or_default()
            {
                let key = key.to_str().unwrap_or_default();
                defines |= key == "__eq__";
                at_home |= key == "__module__"
                    && value
                        .cast_exact::<PyString>()
                        .is_ok_and(|name| name.to_str().is_ok_and(|name| name == module));
            }
            defines && at_home
        })
    }
}

/// What a subclass of a builtin is compared as.
#[derive(Clone, Copy)]
enum BuiltinBase {
    Int,
    Float,
    Str,
    List,
    Tuple,
    Dict,
    Set,
    FrozenSet,
}

/// `object` itself is no node class: everything derives from it.
fn node_class(class: &Bound<'_, PyAny>) -> Option<Py<PyType>> {
    let class = class.cast::<PyType>().ok()?;
    (!class.is(class.py().get_type::<PyAny>())).then(|| class.clone().unbind())
}

/// Appends the encoding of `object`; on refusal `out` is as it was.
///
/// # Errors
/// What about the object, or about an object inside it, is refused.
pub(crate) fn encode_py(
    object: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
    classes: &Classes,
    budget: &Budget,
) -> Result<(), EncodeRefusal> {
    let start = out.len();
    let _paused = classes.native.pause(object.py());
    let mut encoder = Encoder {
        end: start.saturating_add(budget.max_bytes),
        max_depth: budget.max_depth.min(MAX_DEPTH),
        elements_left: budget.max_elements,
        layouts: Layouts::default(),
        out,
        classes,
    };
    let result = encoder.value(object, 0);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

struct Encoder<'a, 'py> {
    out: &'a mut Vec<u8>,
    end: usize,
    max_depth: usize,
    elements_left: usize,
    classes: &'a Classes,
    layouts: Layouts<'py>,
}

type Encoded = Result<(), EncodeRefusal>;

fn room_for<T>(count: usize) -> Result<Vec<T>, EncodeRefusal> {
    let mut items = Vec::new();
    items
        .try_reserve_exact(count)
        .map_err(|_| EncodeRefusal::NoMemory)?;
    Ok(items)
}

impl<'py> Encoder<'_, 'py> {
    fn value(&mut self, object: &Bound<'py, PyAny>, depth: usize) -> Encoded {
        self.count(1)?;
        self.room(64)?;
        if object.is_exact_instance_of::<PyInt>() {
            return self.int(object);
        }
        if let Ok(text) = object.cast_exact::<PyString>() {
            self.text(text)?;
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            self.list(list, depth)?;
        } else if let Ok(float) = object.cast_exact::<PyFloat>() {
            Writer(self.out).float(float.value());
        } else if let Ok(truth) = object.cast_exact::<PyBool>() {
            Writer(self.out).bool(truth.is_true());
        } else if object.is_none() {
            Writer(self.out).none();
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            self.tuple(tuple, depth)?;
        } else {
            self.rarer(object, depth)?;
        }
        self.check_size()
    }

    fn rarer(&mut self, object: &Bound<'py, PyAny>, depth: usize) -> Encoded {
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
        if let Some(layout) = self.layouts.named(object, Shape::List, classes) {
            return self.linked_list(object, layout, depth);
        }
        if let Some(layout) = self.layouts.named(object, Shape::Tree, classes) {
            return self.tree(object, layout, depth);
        }
        if classes.is_view(&class) {
            return self.elements(Kind::Set, object, depth);
        }
        if let Some(base) = classes.builtin_base(&class) {
            return self.of_base(base, object, depth);
        }
        // A class of the answer's own with a node's fields: what reads them does not ask for its name.
        if let Some(layout) = self.layouts.alike(object, Shape::Tree, classes) {
            return self.tree(object, layout, depth);
        }
        if let Some(layout) = self.layouts.alike(object, Shape::List, classes) {
            return self.linked_list(object, layout, depth);
        }
        Err(EncodeRefusal::BadType(type_name(&class)))
    }

    /// An instance of a subclass, read as its builtin base reads it: nothing that the subclass defines is called.
    fn of_base(&mut self, base: BuiltinBase, object: &Bound<'py, PyAny>, depth: usize) -> Encoded {
        let py = object.py();
        match base {
            BuiltinBase::Int => {
                let exact = py.get_type::<PyInt>().call_method1("__int__", (object,))?;
                self.int(&exact)
            }
            BuiltinBase::Float => {
                let float = object.cast::<PyFloat>().map_err(PyErr::from)?;
                Writer(self.out).float(float.value());
                self.check_size()
            }
            BuiltinBase::Str => {
                let exact = py
                    .get_type::<PyString>()
                    .call_method1("__str__", (object,))?;
                self.text(exact.cast().map_err(PyErr::from)?)
            }
            BuiltinBase::List => self.list(object.cast().map_err(PyErr::from)?, depth),
            BuiltinBase::Tuple => self.tuple(object.cast().map_err(PyErr::from)?, depth),
            BuiltinBase::Dict => self.dict(object.cast().map_err(PyErr::from)?, depth),
            BuiltinBase::Set | BuiltinBase::FrozenSet => {
                let kind = match base {
                    BuiltinBase::Set => Kind::Set,
                    _ => Kind::FrozenSet,
                };
                self.elements(kind, &py.get_type::<PyFrozenSet>().call1((object,))?, depth)
            }
        }
    }

    fn list(&mut self, list: &Bound<'py, PyList>, depth: usize) -> Encoded {
        self.open(Kind::List, list.len(), depth)?;
        for index in 0..list.len() {
            self.value(&list.get_item(index)?, depth + 1)?;
        }
        Ok(())
    }

    fn tuple(&mut self, tuple: &Bound<'py, PyTuple>, depth: usize) -> Encoded {
        self.open(Kind::Tuple, tuple.len(), depth)?;
        for item in tuple.iter() {
            self.value(&item, depth + 1)?;
        }
        Ok(())
    }

    fn count(&mut self, elements: usize) -> Encoded {
        self.elements_left = self
            .elements_left
            .checked_sub(elements)
            .ok_or(EncodeRefusal::TooBig)?;
        Ok(())
    }

    /// Sees to it that so many more bytes can be written.
    fn room(&mut self, bytes: usize) -> Encoded {
        self.out
            .try_reserve(bytes)
            .map_err(|_| EncodeRefusal::NoMemory)
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
        self.room(length + 64)?;
        let bytes = bytes.cast::<PyBytes>().map_err(PyErr::from)?;
        Writer(self.out).bigint(bytes.as_bytes());
        self.check_size()
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> Encoded {
        if self.out.len().saturating_add(text.len()?) > self.end {
            return Err(EncodeRefusal::TooBig);
        }
        if let Ok(utf8) = text.to_str() {
            self.room(utf8.len() + 64)?;
            Writer(self.out).str(utf8.as_bytes());
            return Ok(());
        }
        let bytes = text.call_method1(intern!(text.py(), "encode"), ("utf-8", "surrogatepass"))?;
        let bytes = bytes.cast::<PyBytes>().map_err(PyErr::from)?;
        self.room(bytes.as_bytes().len() + 64)?;
        Writer(self.out).str(bytes.as_bytes());
        Ok(())
    }

    fn dict(&mut self, dict: &Bound<'py, PyDict>, depth: usize) -> Encoded {
        if dict.len() > self.elements_left / 2 {
            return Err(EncodeRefusal::TooBig);
        }
        // Collected first: nothing that could change the dict runs while it is walked.
        let mut pairs = room_for(dict.len())?;
        pairs.extend(dict.iter());
        self.open(Kind::Dict, pairs.len(), depth)?;
        for (key, value) in pairs {
            self.value(&key, depth + 1)?;
            self.value(&value, depth + 1)?;
        }
        Ok(())
    }

    fn elements(&mut self, kind: Kind, set: &Bound<'py, PyAny>, depth: usize) -> Encoded {
        if set.len()? > self.elements_left {
            return Err(EncodeRefusal::TooBig);
        }
        let mut items = room_for(set.len()?)?;
        for item in set.try_iter()? {
            items.push(item?);
        }
        self.open(kind, items.len(), depth)?;
        for item in items {
            self.value(&item, depth + 1)?;
        }
        Ok(())
    }

    fn linked_list(
        &mut self,
        head: &Bound<'py, PyAny>,
        layout: Rc<Layout<'py>>,
        depth: usize,
    ) -> Encoded {
        let place = self.open(Kind::LinkedList, 1, depth)?;
        let (mut node, mut layout) = (head.clone(), layout);
        let mut count = 0;
        loop {
            let [value, next] = layout.fields(&node, Shape::List)?;
            self.value(&value, depth + 1)?;
            count += 1;
            if next.is_none() {
                Writer(self.out).set_count(place, count);
                return Ok(());
            }
            layout = self.layout(&next, Shape::List)?;
            node = next;
        }
    }

    fn tree(&mut self, root: &Bound<'py, PyAny>, layout: Rc<Layout<'py>>, depth: usize) -> Encoded {
        let place = self.open(Kind::Tree, 1, depth)?;
        let mut queue = VecDeque::from([Some((root.clone(), layout))]);
        let mut slots = 0;
        let mut kept = (0, self.out.len());
        while let Some(slot) = queue.pop_front() {
            queue.try_reserve(2).map_err(|_| EncodeRefusal::NoMemory)?;
            self.room(64)?;
            slots += 1;
            let Some((node, layout)) = slot else {
                self.count(1)?;
                Writer(self.out).missing();
                self.check_size()?;
                continue;
            };
            let [value, left, right] = layout.fields(&node, Shape::Tree)?;
            self.value(&value, depth + 1)?;
            kept = (slots, self.out.len());
            for child in [left, right] {
                queue.push_back(if child.is_none() {
                    None
                } else {
                    let layout = self.layout(&child, Shape::Tree)?;
                    Some((child, layout))
                });
            }
        }
        // Slots after the last node are left out.
        self.out.truncate(kept.1);
        Writer(self.out).set_count(place, kept.0);
        Ok(())
    }

    fn layout(
        &mut self,
        object: &Bound<'py, PyAny>,
        shape: Shape,
    ) -> Result<Rc<Layout<'py>>, EncodeRefusal> {
        self.layouts
            .alike(object, shape, self.classes)
            .ok_or_else(|| EncodeRefusal::BadType(type_name(&object.get_type())))
    }
}
