//! From a Python object to the tape.

use std::mem::MaybeUninit;
use std::{ptr, slice};

use pyo3::ffi;
use pyo3::prelude::*;
use zerepy_core::{ErrorKind, Result};
use zerepy_native::{Form, MAX_DEPTH, Tape, TapeError};

use super::buffer::Buffers;
use super::{Outcome, Refusal, Step, integer};

/// What becomes of texts, bytes and packed arrays.
#[derive(Clone, Copy)]
pub(super) enum Texts {
    /// They stay where they are in the Python objects.
    Lent,
    /// They are copied.
    Copied,
}

/// Writes `object` to a tape that stands on its own. `root` is what it is called in errors.
pub(crate) fn copied(
    object: &Bound<'_, PyAny>,
    form: Form,
    root: &str,
    kind: ErrorKind,
) -> Result<Tape> {
    let mut tape = Tape::new(form);
    let mut buffers = Buffers::default();
    write(object, &mut tape, &mut buffers, Texts::Copied)
        .map_err(|refusal| refusal.into_error(object.py(), root, kind))?;
    Ok(tape)
}

/// Writes parameters to `tape`, with texts, bytes and arrays lent by `object`, for as long as `work`
/// runs.
///
/// `work` must not run Python code, which could change what `object` holds, nor release the
/// interpreter: that is what an inline action promises. `tape` is empty before and after.
pub(crate) fn lent<T>(
    object: &Bound<'_, PyAny>,
    tape: &mut Tape,
    work: impl FnOnce(&Tape) -> Result<T>,
) -> Result<T> {
    let mut buffers = Buffers::default();
    let outcome = write(object, tape, &mut buffers, Texts::Lent)
        .map_err(|refusal| refusal.into_error(object.py(), "params", ErrorKind::InvalidParams))
        .and_then(|()| work(tape));
    tape.clear();
    outcome // and the buffers are given back
}

fn write<'py>(
    object: &Bound<'py, PyAny>,
    tape: &mut Tape,
    buffers: &mut Buffers<'py>,
    texts: Texts,
) -> Outcome {
    walk(object, tape, buffers, texts)?;
    if buffers.are_pending() {
        tape.clear();
        buffers.ask();
        walk(object, tape, buffers, texts)?;
    }
    Ok(())
}

fn walk<'py>(
    object: &Bound<'py, PyAny>,
    tape: &mut Tape,
    buffers: &mut Buffers<'py>,
    texts: Texts,
) -> Outcome {
    let open = [const { MaybeUninit::uninit() }; MAX_DEPTH];
    let mut walk = Walk { py: object.py(), tape, buffers, texts, open, depth: 0 };
    // SAFETY: `object` is a live object, held by the caller.
    unsafe { walk.value(object.as_ptr()) }
}

struct Walk<'py, 'a> {
    py: Python<'py>,
    tape: &'a mut Tape,
    buffers: &'a mut Buffers<'py>,
    texts: Texts,
    open: [MaybeUninit<*mut ffi::PyObject>; MAX_DEPTH], // the containers around the current value
    depth: usize,                                       // as many of them are there
}

impl Walk<'_, '_> {
    /// Writes one value. Exact types first: they are nearly all there is.
    ///
    /// # Safety
    /// `object` is a live object; the interpreter is held.
    unsafe fn value(&mut self, object: *mut ffi::PyObject) -> Outcome {
        // SAFETY: the caller's promise; the static types and singletons live as long as Python.
        unsafe {
            let class = ffi::Py_TYPE(object);
            if ptr::eq(class, &raw mut ffi::PyUnicode_Type) {
                self.text(object)
            } else if ptr::eq(class, &raw mut ffi::PyLong_Type) {
                self.integer(object)
            } else if ptr::eq(class, &raw mut ffi::PyFloat_Type) {
                self.tape.float(ffi::PyFloat_AsDouble(object));
                Ok(())
            } else if ptr::eq(object, ffi::Py_None()) {
                self.tape.null();
                Ok(())
            } else if ptr::eq(class, &raw mut ffi::PyBool_Type) {
                self.tape.bool(ptr::eq(object, ffi::Py_True()));
                Ok(())
            } else {
                self.other(object)
            }
        }
    }

    /// Containers, bytes, and subclasses of everything, which are written as what they extend.
    ///
    /// # Safety
    /// As for [`Self::value`].
    unsafe fn other(&mut self, object: *mut ffi::PyObject) -> Outcome {
        // SAFETY: the checks only read the type of a live object.
        unsafe {
            let class = ffi::Py_TYPE(object);
            if ptr::eq(class, &raw mut ffi::PyDict_Type) || ffi::PyDict_Check(object) != 0 {
                self.container(object, Self::dict)
            } else if ptr::eq(class, &raw mut ffi::PyList_Type) || ffi::PyList_Check(object) != 0 {
                self.container(object, Self::list)
            } else if ffi::PyTuple_Check(object) != 0 {
                self.container(object, Self::tuple)
            } else if ffi::PyBytes_Check(object) != 0 {
                self.bytes(ffi::PyBytes_AsString(object), ffi::PyBytes_Size(object))
            } else if ffi::PyByteArray_Check(object) != 0 {
                self.bytes(ffi::PyByteArray_AsString(object), ffi::PyByteArray_Size(object))
            } else if ffi::PyUnicode_Check(object) != 0 {
                self.text(object)
            } else if ffi::PyLong_Check(object) != 0 {
                self.integer(object)
            } else if ffi::PyFloat_Check(object) != 0 {
                self.tape.float(ffi::PyFloat_AsDouble(object));
                Ok(())
            } else if ffi::PyObject_CheckBuffer(object) != 0 {
                let object = Bound::from_borrowed_ptr(self.py, object);
                self.buffers.meet(object, self.tape, self.texts)
            } else {
                self.py.check_signals()?; // what follows would swallow a Ctrl-C
                let object = Bound::from_borrowed_ptr(self.py, object);
                let class = object.get_type().fully_qualified_name();
                let class = match &class {
                    Ok(name) => name.to_string_lossy(),
                    Err(_) => "an object".into(),
                };
                Err(Refusal::new(format!(
                    "a value of type {class} cannot be passed to a native plugin; convert it to \
                     None, bool, int, float, str, bytes, list, tuple, dict or an array of numbers"
                )))
            }
        }
    }

    /// Refuses a key.
    #[cold]
    fn no_text(&self, key: &Bound<'_, PyAny>) -> Refusal {
        if let Err(raised) = self.py.check_signals() {
            return raised.into();
        }
        let (shown, raised) = match key.repr() {
            Ok(text) => (text.to_string_lossy().into_owned(), None),
            Err(raised) => ("?".to_owned(), Some(raised)),
        };
        Refusal::new(format!("the key {shown} is not a str")).with_raised(raised)
    }

    /// # Safety
    /// `object` is a live `str`.
    #[inline]
    unsafe fn text(&mut self, object: *mut ffi::PyObject) -> Outcome {
        let mut len = 0;
        // SAFETY: `object` is a str. The UTF-8 form belongs to it and lives as long, unchanged; the
        // caller of `write` keeps it if texts are lent.
        unsafe {
            let data = ffi::PyUnicode_AsUTF8AndSize(object, &raw mut len);
            if data.is_null() {
                return Err(surrogate());
            }
            let (data, len) = (data.cast(), len.cast_unsigned());
            match self.texts {
                Texts::Lent => self.tape.str_ref(data, len)?,
                Texts::Copied => self.tape.str(utf8(data, len))?,
            }
        }
        Ok(())
    }

    /// # Safety
    /// `data` points to `len` bytes of a live object, which does not change them while the
    /// interpreter is held.
    unsafe fn bytes(&mut self, data: *const std::ffi::c_char, len: ffi::Py_ssize_t) -> Outcome {
        let (data, len) = (data.cast(), len.cast_unsigned());
        // SAFETY: the caller's promise; the caller of `lent` keeps the object, and what could change
        // it does not run meanwhile.
        unsafe {
            match self.texts {
                Texts::Lent => self.tape.bytes_ref(data, len)?,
                Texts::Copied => self.tape.bytes(slice::from_raw_parts(data, len))?,
            }
        }
        Ok(())
    }

    /// # Safety
    /// `object` is a live `int`.
    unsafe fn integer(&mut self, object: *mut ffi::PyObject) -> Outcome {
        let mut overflow = 0;
        // SAFETY: `object` is an int, for which the conversion fails only by overflow.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
        if overflow == 0 {
            self.tape.int(value);
            return Ok(());
        }
        // SAFETY: as above.
        let bytes = integer::to_le_bytes(&unsafe { Bound::from_borrowed_ptr(self.py, object) })?;
        if let [magnitude @ .., 0] = &bytes[..]
            && let Ok(number) = magnitude.try_into()
        {
            self.tape.uint(u64::from_le_bytes(number));
            return Ok(());
        }
        Ok(self.tape.bigint(&bytes)?)
    }

    /// Walks into a container, unless that is too deep.
    ///
    /// # Safety
    /// `object` is a live container of the kind that `walk` expects.
    unsafe fn container(
        &mut self,
        object: *mut ffi::PyObject,
        walk: unsafe fn(&mut Self, *mut ffi::PyObject) -> Outcome,
    ) -> Outcome {
        // SAFETY: so many were written.
        let open = unsafe { slice::from_raw_parts(self.open.as_ptr().cast(), self.depth) };
        if open.contains(&object) {
            return Err(Refusal::new("it contains itself"));
        }
        if self.depth == MAX_DEPTH {
            return Err(TapeError::TooDeep.into());
        }
        self.open[self.depth].write(object);
        self.depth += 1;
        // SAFETY: the caller's promise.
        let outcome = unsafe { walk(self, object) };
        self.depth -= 1;
        outcome
    }

    /// # Safety
    /// `object` is a live `list`.
    unsafe fn list(&mut self, object: *mut ffi::PyObject) -> Outcome {
        // SAFETY: `object` is a list; no code runs that could change it, and every index is checked
        // by `PyList_GetItem`, so that its items are live.
        unsafe {
            let len = ffi::PyList_Size(object);
            let open = self.tape.begin_list(len.cast_unsigned())?;
            for index in 0..len {
                let item = ffi::PyList_GetItem(object, index);
                self.item(item, index)?;
            }
            Ok(self.tape.end(open)?)
        }
    }

    /// # Safety
    /// `object` is a live `tuple`.
    unsafe fn tuple(&mut self, object: *mut ffi::PyObject) -> Outcome {
        // SAFETY: `object` is a tuple, which is immutable.
        unsafe {
            let len = ffi::PyTuple_Size(object);
            let open = self.tape.begin_tuple(len.cast_unsigned())?;
            for index in 0..len {
                self.item(ffi::PyTuple_GetItem(object, index), index)?;
            }
            Ok(self.tape.end(open)?)
        }
    }

    /// # Safety
    /// `item` is NULL (with a Python error set) or a live object.
    unsafe fn item(&mut self, item: *mut ffi::PyObject, index: ffi::Py_ssize_t) -> Outcome {
        // SAFETY: the caller's promise.
        unsafe {
            if item.is_null() {
                ffi::PyErr_Clear();
                return Err(TapeError::Unbalanced.into());
            }
            self.value(item).map_err(|refusal| refusal.at(Step::Index(index.cast_unsigned())))
        }
    }

    /// # Safety
    /// `object` is a live `dict`.
    unsafe fn dict(&mut self, object: *mut ffi::PyObject) -> Outcome {
        // SAFETY: `object` is a dict; no code runs that could change it while it is iterated, so
        // keys and values are live.
        unsafe {
            let open = self.tape.begin_map(ffi::PyDict_Size(object).cast_unsigned())?;
            let (mut position, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
            while ffi::PyDict_Next(object, &raw mut position, &raw mut key, &raw mut value) != 0 {
                if !is_text(key) {
                    return Err(self.no_text(&Bound::from_borrowed_ptr(self.py, key)));
                }
                self.text(key)?;
                let key = Bound::from_borrowed_ptr(self.py, key); // what refuses the value may run code
                self.value(value).map_err(|refusal| refusal.at(Step::Key(key.to_string())))?;
            }
            Ok(self.tape.end(open)?)
        }
    }
}

/// Refuses a text that Python has just refused to encode.
#[cold]
fn surrogate() -> Refusal {
    // SAFETY: the interpreter is held.
    unsafe { ffi::PyErr_Clear() };
    Refusal::new(
        "the text holds a lone surrogate, which is not valid Unicode; encode it with \
         errors=\"surrogateescape\" and pass bytes",
    )
}

/// Whether it is a `str`: nearly always an exact one, which is seen without a call.
///
/// # Safety
/// `object` is a live object.
#[inline]
unsafe fn is_text(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the checks only read the type of a live object.
    unsafe {
        ptr::eq(ffi::Py_TYPE(object), &raw mut ffi::PyUnicode_Type)
            || ffi::PyUnicode_Check(object) != 0
    }
}

/// # Safety
/// `data` points to `len` bytes of UTF-8 that live as long as the result is used.
unsafe fn utf8<'a>(data: *const u8, len: usize) -> &'a str {
    // SAFETY: the caller's promise.
    unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(data, len)) }
}
