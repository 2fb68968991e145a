//! Which objects are nodes, and what their fields hold, read past everything that an answer can define.
//!
//! A class is looked at through `type`'s own descriptors, its namespace is walked and never looked up in (a lookup
//! may ask another key's `__eq__`), and a field counts only as a slot of the class, as an entry of the instance's
//! own dict, or as a plain default of the class: no property, no `__getattr__`, no metaclass is ever called.

use std::collections::HashMap;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};

use super::refusal::type_name;
use super::{Classes, EncodeRefusal};

/// The two shapes that nodes are strung to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    List,
    Tree,
}

impl Shape {
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::List => &["val", "next"],
            Self::Tree => &["val", "left", "right"],
        }
    }
}

/// Python's own ways to look at classes, taken before any answer runs.
pub(super) struct Native {
    mro: Py<PyAny>,
    namespace: Py<PyAny>,
    /// The types of `__dict__`'s descriptor, of a slot's and of a namedtuple field's.
    getset: Py<PyType>,
    member: Py<PyType>,
    tuple_field: Py<PyAny>,
    collector: [Py<PyAny>; 3],
}

impl Native {
    /// # Errors
    /// `gc` cannot be imported.
    pub(super) fn take(py: Python<'_>) -> PyResult<Self> {
        // `type` cannot be changed, and its class is itself.
        let of_types = py.get_type::<PyType>().getattr("__dict__")?;
        let namespace = of_types.get_item("__dict__")?;
        let gc = py.import("gc")?;
        let function = |name: &str| gc.getattr(name).map(Bound::unbind);
        Ok(Self {
            mro: of_types.get_item("__mro__")?.unbind(),
            getset: namespace.get_type().unbind(),
            member: of_types.get_item("__basicsize__")?.get_type().unbind(),
            namespace: namespace.unbind(),
            tuple_field: py.import("_collections")?.getattr("_tuplegetter")?.unbind(),
            collector: [
                function("isenabled")?,
                function("disable")?,
                function("enable")?,
            ],
        })
    }

    /// The order in which the class and its bases are searched.
    pub(super) fn mro<'py>(&self, class: &Bound<'py, PyType>) -> Option<Bound<'py, PyTuple>> {
        read(self.mro.bind(class.py()), class.as_any())?
            .cast_into_exact()
            .ok()
    }

    /// What stands in the class's own body, under keys that are plain text.
    pub(super) fn namespace<'py>(
        &self,
        class: &Bound<'py, PyType>,
    ) -> Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)> {
        let items = read(self.namespace.bind(class.py()), class.as_any())
            .and_then(|proxy| proxy.call_method0(intern!(class.py(), "items")).ok());
        let items = items.as_ref().and_then(|items| items.try_iter().ok());
        let pair = |item: PyResult<Bound<'py, PyAny>>| {
            let pair = item.ok()?.cast_into_exact::<PyTuple>().ok()?;
            let key = pair.get_item(0).ok()?.cast_into_exact().ok()?;
            Some((key, pair.get_item(1).ok()?))
        };
        items.into_iter().flatten().filter_map(pair).collect()
    }

    /// Whether the class's own body says how its instances compare.
    pub(super) fn defines_equality(&self, class: &Bound<'_, PyType>) -> bool {
        let namespace = self.namespace(class);
        let mut keys = namespace.iter().map(|(key, _)| key.to_str());
        keys.any(|key| key.is_ok_and(|key| key == "__eq__"))
    }

    /// Whether `attribute` reads one place of a tuple: it calls nothing, and refuses what is no tuple.
    fn is_tuple_field(&self, attribute: &Bound<'_, PyAny>) -> bool {
        self.tuple_field.is(attribute.get_type())
    }

    /// Whether `attribute` is a descriptor of this type that `class` was born with.
    fn is_own(
        descriptor: &Py<PyType>,
        attribute: &Bound<'_, PyAny>,
        class: &Bound<'_, PyAny>,
    ) -> bool {
        descriptor.is(attribute.get_type())
            && attribute
                .getattr(intern!(attribute.py(), "__objclass__"))
                .is_ok_and(|owner| owner.is(class))
    }

    /// Keeps the cycle collector, which runs finalizers, from running until the guard is dropped.
    pub(super) fn pause<'a, 'py>(&'a self, py: Python<'py>) -> Paused<'a, 'py> {
        let [is_enabled, disable, enable] = &self.collector;
        let enabled = is_enabled
            .call0(py)
            .and_then(|enabled| enabled.is_truthy(py));
        if !enabled.unwrap_or(false) {
            return Paused { enable: None, py };
        }
        let paused = disable.call0(py).is_ok();
        Paused {
            enable: paused.then_some(enable),
            py,
        }
    }
}

/// The cycle collector, paused.
pub(super) struct Paused<'a, 'py> {
    enable: Option<&'a Py<PyAny>>,
    py: Python<'py>,
}

impl Drop for Paused<'_, '_> {
    fn drop(&mut self) {
        self.enable.map(|enable| enable.call0(self.py));
    }
}

/// What a native descriptor says about `object`; none where it does not apply or is unset.
fn read<'py>(
    descriptor: &Bound<'py, PyAny>,
    object: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyAny>> {
    let arguments = (object, object.get_type());
    let get = intern!(object.py(), "__get__");
    descriptor.call_method1(get, arguments).ok()
}

/// Where a class keeps one field.
enum Place<'py> {
    /// No class says anything about it.
    Unsaid,
    /// In a slot, read by this descriptor.
    Slot(Bound<'py, PyAny>),
    /// In the instance's dict; this where it is missing there.
    Default(Bound<'py, PyAny>),
    /// In the instance's dict or nowhere.
    Rigged,
}

/// Where the instances of one class keep their fields.
pub(super) struct Layout<'py> {
    /// It is, or derives from, a class that bears a node's name.
    named: bool,
    /// It compares by identity: whoever reads it can only read its fields.
    plain: bool,
    dict: Option<Bound<'py, PyAny>>,
    places: Vec<Place<'py>>,
}

/// The layouts of one encoding; no class changes while it lasts.
#[derive(Default)]
pub(super) struct Layouts<'py> {
    known: HashMap<(usize, Shape), Option<Rc<Layout<'py>>>>,
}

impl<'py> Layouts<'py> {
    /// The layout of the object's class; none where that bears no node's name.
    pub(super) fn named(
        &mut self,
        object: &Bound<'py, PyAny>,
        shape: Shape,
        classes: &Classes,
    ) -> Option<Rc<Layout<'py>>> {
        self.of(object, shape, classes)
            .filter(|layout| layout.named)
    }

    /// The same for any object with a node's fields, whatever its class is called.
    pub(super) fn alike(
        &mut self,
        object: &Bound<'py, PyAny>,
        shape: Shape,
        classes: &Classes,
    ) -> Option<Rc<Layout<'py>>> {
        let has_fields = |layout: &Layout<'py>| match shape {
            Shape::List => layout.fields::<2>(object, shape).is_ok(),
            Shape::Tree => layout.fields::<3>(object, shape).is_ok(),
        };
        self.of(object, shape, classes)
            .filter(|layout| layout.named || layout.plain && has_fields(layout))
    }

    fn of(
        &mut self,
        object: &Bound<'py, PyAny>,
        shape: Shape,
        classes: &Classes,
    ) -> Option<Rc<Layout<'py>>> {
        if !classes.has_nodes(shape) {
            return None;
        }
        let class = object.get_type();
        self.known
            .entry((class.as_ptr() as usize, shape))
            .or_insert_with(|| Layout::of(&class, shape, classes).map(Rc::new))
            .clone()
    }
}

impl<'py> Layout<'py> {
    fn of(class: &Bound<'py, PyType>, shape: Shape, classes: &Classes) -> Option<Self> {
        let native = &classes.native;
        let mro = native.mro(class)?;
        let is_named = mro.iter().any(|base| classes.is_node_class(&base, shape));
        let names = shape.fields();
        let object = class.py().get_type::<PyAny>();
        let mut own = mro
            .iter()
            .filter_map(|base| base.cast_into::<PyType>().ok());
        let mut layout = Self {
            named: is_named,
            plain: !own.any(|base| !base.is(&object) && native.defines_equality(&base)),
            dict: None,
            places: names.iter().map(|_| Place::Unsaid).collect(),
        };
        for base in mro.iter() {
            let Ok(class) = base.cast::<PyType>() else {
                continue;
            };
            for (key, attribute) in native.namespace(class) {
                let key = key.to_str().unwrap_or_default();
                if key == "__dict__" && layout.dict.is_none() {
                    layout.dict =
                        Native::is_own(&native.getset, &attribute, &base).then_some(attribute);
                } else if let Some(index) = names.iter().position(|name| *name == key)
                    && let place @ Place::Unsaid = &mut layout.places[index]
                {
                    *place = if Native::is_own(&native.member, &attribute, &base)
                        || native.is_tuple_field(&attribute)
                    {
                        Place::Slot(attribute)
                    } else if is_plain(&attribute) {
                        Place::Default(attribute)
                    } else {
                        Place::Rigged
                    };
                }
            }
        }
        Some(layout)
    }

    /// The fields of one instance.
    ///
    /// # Errors
    /// One of them is nowhere.
    pub(super) fn fields<const N: usize>(
        &self,
        node: &Bound<'py, PyAny>,
        shape: Shape,
    ) -> Result<[Bound<'py, PyAny>; N], EncodeRefusal> {
        let names = shape.fields();
        let mut found: [Option<Bound<'py, PyAny>>; N] = std::array::from_fn(|_| None);
        let dict = self.dict.as_ref().and_then(|dict| read(dict, node));
        if let Some(dict) = dict.and_then(|dict| dict.cast_into_exact::<PyDict>().ok()) {
            for (key, value) in dict.iter() {
                let Ok(key) = key.cast_exact::<PyString>() else {
                    continue;
                };
                let key = key.to_str().unwrap_or_default();
                if let Some(index) = names.iter().position(|name| *name == key) {
                    found[index] = Some(value);
                }
            }
        }
        for (found, place) in found.iter_mut().zip(&self.places) {
            match place {
                Place::Slot(descriptor) => *found = read(descriptor, node),
                Place::Default(value) if found.is_none() => *found = Some(value.clone()),
                _ => {}
            }
        }
        if found.iter().any(Option::is_none) {
            return Err(EncodeRefusal::BadType(type_name(&node.get_type())));
        }
        Ok(found.map(|value| value.unwrap_or_else(|| node.py().None().into_bound(node.py()))))
    }
}

/// Values of exact types without a `__get__`: as an attribute of a class they stand for themselves.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyFrozenSet>()
}
