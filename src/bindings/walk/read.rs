//! From the tape to a Python object.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt};
use pyo3::{ffi, intern};
use zerepy_core::{ErrorKind, Result};
use zerepy_native::{MAX_DEPTH, Node, TapeError, TapeView, tag};

use super::{Refusal, Step};

/// Builds the Python object that `view` describes, whatever a plugin wrote there.
pub(crate) fn read<'py>(py: Python<'py>, view: TapeView<'_>) -> Result<Bound<'py, PyAny>> {
    let mut walk = Walk { py, view, next: 0, depth: 0 };
    walk.value().map_err(|refusal| refusal.into_error("result", ErrorKind::Execution))
}

struct Walk<'py, 'a> {
    py: Python<'py>,
    view: TapeView<'a>,
    next: usize,
    depth: usize,
}

type Outcome<'py> = std::result::Result<Bound<'py, PyAny>, Refusal>;

impl<'py> Walk<'py, '_> {
    fn value(&mut self) -> Outcome<'py> {
        let node = self.view.node(self.next)?;
        self.next += 1;
        match node.tag {
            // SAFETY: each call makes a new object or takes a reference to a singleton.
            tag::NULL => Ok(self.py.None().into_bound(self.py)),
            tag::FALSE | tag::TRUE => unsafe {
                // SAFETY: as above.
                self.object(ffi::PyBool_FromLong((node.tag == tag::TRUE).into()))
            },
            tag::INT => unsafe {
                // SAFETY: as above.
                self.object(ffi::PyLong_FromLongLong(node.value.cast_signed()))
            },
            tag::UINT => unsafe {
                // SAFETY: as above.
                self.object(ffi::PyLong_FromUnsignedLongLong(node.value))
            },
            tag::FLOAT => unsafe {
                // SAFETY: as above.
                self.object(ffi::PyFloat_FromDouble(f64::from_bits(node.value)))
            },
            tag::STR => self.text(node),
            tag::BYTES => unsafe {
                let bytes = self.view.bytes(node)?;
                // SAFETY: the bytes are copied out of a live slice.
                self.object(ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), size(bytes)))
            },
            tag::BIGINT => self.big_integer(node),
            _ => self.container(node),
        }
    }

    /// # Safety
    /// `object` is a new reference, or NULL with a Python error set.
    unsafe fn object(&self, object: *mut ffi::PyObject) -> Outcome<'py> {
        // SAFETY: the caller's promise.
        unsafe { Bound::from_owned_ptr_or_err(self.py, object) }
            .map_err(|error| Refusal::new(error.to_string()))
    }

    fn text(&self, node: Node) -> Outcome<'py> {
        let bytes = self.view.bytes(node)?;
        // SAFETY: the bytes are copied out of a live slice; Python checks that they are UTF-8.
        unsafe { self.object(ffi::PyUnicode_FromStringAndSize(bytes.as_ptr().cast(), size(bytes))) }
    }

    fn big_integer(&self, node: Node) -> Outcome<'py> {
        let bytes = self.view.bytes(node)?;
        let kwargs = PyDict::new(self.py);
        let class = self.py.get_type::<PyInt>();
        let arguments = (bytes, intern!(self.py, "little"));
        kwargs
            .set_item(intern!(self.py, "signed"), true)
            .and_then(|()| class.call_method(intern!(self.py, "from_bytes"), arguments, Some(&kwargs)))
            .map_err(|error| Refusal::new(error.to_string()))
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
        // SAFETY: a new list, with room for as many items as the view has checked there are nodes.
        let list = unsafe { self.object(ffi::PyList_New(len.cast_signed()))? };
        for index in 0..len {
            let item = self.item(index)?.into_ptr();
            // SAFETY: the index is within the new list, which nobody else has; the item is given away.
            unsafe { ffi::PyList_SetItem(list.as_ptr(), index.cast_signed(), item) };
        }
        Ok(list)
    }

    fn tuple(&mut self, node: Node) -> Outcome<'py> {
        let len = node.len as usize;
        // SAFETY: a new tuple, with room as above.
        let tuple = unsafe { self.object(ffi::PyTuple_New(len.cast_signed()))? };
        for index in 0..len {
            let item = self.item(index)?.into_ptr();
            // SAFETY: the index is within the new tuple, which nobody else has; the item is given away.
            unsafe { ffi::PyTuple_SetItem(tuple.as_ptr(), index.cast_signed(), item) };
        }
        Ok(tuple)
    }

    fn map(&mut self, node: Node) -> Outcome<'py> {
        // SAFETY: a new dict.
        let map = unsafe { self.object(ffi::PyDict_New())? };
        for _ in 0..node.len {
            let key = self.view.node(self.next)?;
            if key.tag != tag::STR {
                return Err(TapeError::Broken("a text is expected here").into());
            }
            self.next += 1;
            let name = self.text(key)?;
            let value = self.value().map_err(|refusal| refusal.at(Step::Key(name.to_string())))?;
            // SAFETY: a live dict, an exact str (whose hash runs no user code) and a live value.
            let failed = unsafe { ffi::PyDict_SetItem(map.as_ptr(), name.as_ptr(), value.as_ptr()) };
            if failed != 0 {
                return Err(Refusal::new(PyErr::fetch(self.py).to_string()));
            }
        }
        Ok(map)
    }
}

fn size(bytes: &[u8]) -> ffi::Py_ssize_t {
    bytes.len().cast_signed()
}
