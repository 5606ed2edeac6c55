//! From the tape to a Python object.

use std::convert::Infallible;

use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyMemoryView, PyString, PyTuple,
};
use pyo3::{ffi, intern};
use zerepy_core::{ErrorKind, Result};
use zerepy_native::{MAX_DEPTH, Node, ResultTape, Tape, TapeError, TapeView, element, tag};

use super::keys::Keys;
use super::{Refusal, Step};

/// Builds the Python object that `result` describes, whatever a plugin wrote there.
pub(crate) fn read<'py>(py: Python<'py>, result: &ResultTape) -> Result<Bound<'py, PyAny>> {
    read_view(py, result.view(), result.max_payload())
}

/// The same, of a tape that a plugin gave otherwise.
pub(crate) fn read_tape<'py>(py: Python<'py>, tape: &Tape) -> Result<Bound<'py, PyAny>> {
    read_view(py, tape.view(), tape.form().max_payload)
}

fn read_view<'py>(py: Python<'py>, view: TapeView<'_>, limit: usize) -> Result<Bound<'py, PyAny>> {
    let outcome = Keys::with(|keys| {
        let mut walk = Walk { py, view, next: 0, depth: 0, keys, size: 0, limit };
        walk.count(view.size_of_nodes()).and_then(|()| walk.only_value())
    });
    outcome.map_err(|refusal| refusal.into_error(py, "result", ErrorKind::Execution))
}

struct Walk<'py, 'a> {
    py: Python<'py>,
    view: TapeView<'a>,
    next: usize,
    depth: usize,
    keys: &'a mut Keys,
    size: usize, // of what was read: nodes may share the bytes they point to
    limit: usize,
}

type Outcome<'py> = std::result::Result<Bound<'py, PyAny>, Refusal>;

impl<'py, 'a> Walk<'py, 'a> {
    fn only_value(&mut self) -> Outcome<'py> {
        let value = self.value()?;
        if self.next == self.view.node_count() {
            Ok(value)
        } else {
            Err(TapeError::Broken("more than one value").into())
        }
    }

    fn value(&mut self) -> Outcome<'py> {
        let node = self.view.node(self.next)?;
        self.next += 1;
        match node.tag {
            tag::NULL => Ok(self.py.None().into_bound(self.py)),
            tag::FALSE | tag::TRUE => {
                Ok(PyBool::new(self.py, node.tag == tag::TRUE).to_owned().into_any())
            }
            tag::INT => Ok(int(node.value.cast_signed().into_pyobject(self.py))),
            tag::UINT => Ok(int(node.value.into_pyobject(self.py))),
            tag::FLOAT => Ok(PyFloat::new(self.py, f64::from_bits(node.value)).into_any()),
            tag::STR => Ok(self.text(node)?.into_any()),
            tag::BYTES => Ok(PyBytes::new(self.py, self.bytes(node)?).into_any()),
            tag::BIGINT => self.big_integer(node),
            tag::LIST | tag::TUPLE | tag::MAP => self.container(node),
            _ => self.packed(node),
        }
    }

    /// Counts bytes that are about to be copied.
    #[inline]
    fn count(&mut self, bytes: usize) -> std::result::Result<(), Refusal> {
        self.size = self.size.saturating_add(bytes);
        if self.size > self.limit {
            return Err(TapeError::TooLarge { size: self.size, limit: self.limit }.into());
        }
        Ok(())
    }

    #[inline]
    fn bytes(&mut self, node: Node) -> std::result::Result<&'a [u8], Refusal> {
        self.count(node.len as usize)?;
        Ok(self.view.bytes(node)?)
    }

    /// A `memoryview` of its own memory: what Python has for an array that knows its type, and what
    /// numpy and others take without copying.
    fn packed(&mut self, node: Node) -> Outcome<'py> {
        let (element, numbers) = self.view.packed(node)?;
        self.count(numbers.len())?;
        let memory = PyByteArray::new(self.py, numbers);
        let view = PyMemoryView::from(&memory)?;
        if element.letter() == element::U8 {
            return Ok(view.into_any());
        }
        let format = char::from(element.letter());
        Ok(view.call_method1(intern!(self.py, "cast"), (format,))?)
    }

    /// Python checks that it is UTF-8.
    #[inline]
    fn text(&mut self, node: Node) -> std::result::Result<Bound<'py, PyString>, Refusal> {
        Ok(PyString::from_bytes(self.py, self.bytes(node)?)?)
    }

    fn big_integer(&mut self, node: Node) -> Outcome<'py> {
        let class = self.py.get_type::<PyInt>();
        let kwargs = PyDict::new(self.py);
        kwargs.set_item(intern!(self.py, "signed"), true)?;
        let arguments = (self.bytes(node)?, intern!(self.py, "little"));
        Ok(class.call_method(intern!(self.py, "from_bytes"), arguments, Some(&kwargs))?)
    }

    fn container(&mut self, node: Node) -> Outcome<'py> {
        if self.depth == MAX_DEPTH {
            return Err(TapeError::TooDeep.into());
        }
        self.depth += 1;
        let object = match node.tag {
            tag::LIST => self.list(node),
            tag::TUPLE => self.tuple(node),
            _ => self.map(node),
        }?;
        self.depth -= 1;
        if usize::try_from(node.value).ok() == Some(self.next) {
            Ok(object)
        } else {
            Err(TapeError::Broken("a container that ends elsewhere").into())
        }
    }

    fn item(&mut self, index: usize) -> Outcome<'py> {
        self.value().map_err(|refusal| refusal.at(Step::Index(index)))
    }

    fn list(&mut self, node: Node) -> Outcome<'py> {
        let len = node.len as usize;
        // SAFETY: a new list, with room for as many items as the view has checked there are nodes;
        // places that are still empty when an error drops it are NULL, which a list allows.
        let list =
            unsafe { Bound::from_owned_ptr_or_err(self.py, ffi::PyList_New(len.cast_signed()))? };
        for index in 0..len {
            let item = self.item(index)?.into_ptr();
            // SAFETY: the index is within the new list, which nobody else has; the item is given away.
            unsafe { ffi::PyList_SetItem(list.as_ptr(), index.cast_signed(), item) };
        }
        Ok(list)
    }

    fn tuple(&mut self, node: Node) -> Outcome<'py> {
        let items: std::result::Result<Vec<_>, _> =
            (0..node.len as usize).map(|index| self.item(index)).collect();
        Ok(PyTuple::new(self.py, items?)?.into_any())
    }

    #[inline]
    fn key(&mut self) -> std::result::Result<&'a [u8], Refusal> {
        let key = self.view.node(self.next)?;
        if key.tag != tag::STR {
            return Err(TapeError::Broken("a text is expected here").into());
        }
        self.next += 1;
        self.bytes(key)
    }

    fn map(&mut self, node: Node) -> Outcome<'py> {
        let map = PyDict::new(self.py);
        for _ in 0..node.len {
            let key = self.key()?;
            let value = self.value().map_err(|refusal| refusal.at(step(key)))?;
            self.keys.lend(self.py, key, |name| set_item(&map, name, &value))?;
        }
        if map.len() != node.len as usize {
            return Err(TapeError::Broken("a map that has a key twice").into());
        }
        Ok(map.into_any())
    }
}

/// The dict takes references of its own.
#[inline]
fn set_item(
    map: &Bound<'_, PyDict>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: live objects.
    let set = unsafe { ffi::PyDict_SetItem(map.as_ptr(), name.as_ptr(), value.as_ptr()) };
    if set == 0 { Ok(()) } else { Err(PyErr::fetch(map.py())) }
}

#[cold]
fn step(key: &[u8]) -> Step {
    Step::Key(String::from_utf8_lossy(key).into_owned())
}

fn int(made: std::result::Result<Bound<'_, PyInt>, Infallible>) -> Bound<'_, PyAny> {
    let Ok(int) = made;
    int.into_any()
}
