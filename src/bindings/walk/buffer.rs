//! What exports a buffer: arrays of numbers, and bytes under other names.
//!
//! Asking for a buffer may run code of a user, while a walk relies on none being run. So a walk that
//! comes to such objects only notes them, all are asked when it is over, and a second walk writes.

use std::ffi::{CStr, c_long, c_ulong};
use std::mem::MaybeUninit;
use std::{ptr, slice};

use pyo3::ffi;
use pyo3::prelude::*;
use zerepy_native::{Element, Tape, TapeError, element};

use super::write::Texts;
use super::{Outcome, Refusal, Step};
use crate::errors;

/// The buffers of one value, in the order in which walks come to them.
#[derive(Default)]
pub(super) struct Buffers<'py> {
    noted: Vec<Bound<'py, PyAny>>,
    asked: Vec<Result<Buffer, Refusal>>, // in the same order, or empty before they were asked
    next: usize,
}

impl<'py> Buffers<'py> {
    /// Whether there are any that are still to be asked.
    pub(super) fn are_pending(&self) -> bool {
        self.asked.len() < self.noted.len()
    }

    /// Asks them all. Code of a user may run: nothing may be lent now.
    pub(super) fn ask(&mut self) {
        self.asked = self.noted.iter().map(Buffer::of).collect();
    }

    /// Comes to `object`: notes it in the first walk, writes it in the second.
    pub(super) fn meet(
        &mut self,
        object: Bound<'py, PyAny>,
        tape: &mut Tape,
        texts: Texts,
    ) -> Outcome {
        let at = self.next;
        if self.asked.is_empty() {
            self.noted.push(object);
            tape.null();
            return Ok(());
        }
        self.next += 1;
        if !self.noted.get(at).is_some_and(|noted| noted.is(&object)) {
            return Err(TapeError::Unbalanced.into()); // by code that ran when they were asked
        }
        match &mut self.asked[at] {
            Ok(buffer) => buffer.write(tape, texts),
            Err(refusal) => Err(std::mem::replace(refusal, Refusal::new(""))),
        }
    }
}

/// A buffer of an object, given back when dropped.
struct Buffer {
    view: Box<ffi::Py_buffer>, // exporters may rely on its address
    in_order: Vec<u8>,         // its content, if it does not lie in the order that is written
    is_memoryview: bool,
}

impl Buffer {
    fn of(object: &Bound<'_, PyAny>) -> Result<Self, Refusal> {
        let mut view = Box::new(MaybeUninit::<ffi::Py_buffer>::zeroed());
        // SAFETY: a live object, and a place for what it fills in if it succeeds.
        let asked = unsafe {
            ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), ffi::PyBUF_FULL_RO)
        };
        if asked != 0 {
            let raised = PyErr::fetch(object.py());
            let why = errors::text_of(raised.value(object.py()));
            let refusal = Refusal::new(format!("it gives no access to its memory: {why}"));
            return Err(refusal.with_raised(Some(raised)));
        }
        // SAFETY: it was filled in.
        let view = unsafe { Box::from_raw(Box::into_raw(view).cast::<ffi::Py_buffer>()) };
        // SAFETY: only the type is read.
        let is_memoryview = unsafe { ffi::PyMemoryView_Check(object.as_ptr()) } != 0;
        Ok(Self { view, in_order: Vec::new(), is_memoryview })
    }

    fn write(&mut self, tape: &mut Tape, texts: Texts) -> Outcome {
        let element = self.element()?;
        let bytes = self.view.len.cast_unsigned();
        if bytes > tape.form().max_payload {
            return Err(TapeError::TooLarge { size: bytes, limit: tape.form().max_payload }.into());
        }
        self.put_in_order()?;
        let (mut content, shape) = (self.content(), self.shape());
        if shape.iter().product::<isize>().cast_unsigned() * element.size() != content.len() {
            return Err(Refusal::new("its shape is not that of its memory"));
        }
        match (shape, texts) {
            ([], _) => {
                tape.scalar(element, content);
                Ok(())
            }
            ([_], Texts::Copied) if self.is_bytes(element) => Ok(tape.bytes(content)?),
            ([_], Texts::Lent) if self.is_bytes(element) => {
                // SAFETY: as for `rows`.
                Ok(unsafe { tape.bytes_ref(content.as_ptr(), content.len()) }?)
            }
            // SAFETY: the content belongs to this buffer, which stays until the tape is not used
            // any more, and so its exporter keeps it; an inline action holds the interpreter.
            _ => unsafe { rows(tape, texts, element, shape, &mut content) },
        }
    }

    /// Bytes are what a `memoryview` shows unless it says otherwise.
    fn is_bytes(&self, element: Element) -> bool {
        self.is_memoryview && element.letter() == element::U8
    }

    fn element(&self) -> Result<Element, Refusal> {
        let format = if self.view.format.is_null() {
            c"B"
        } else {
            // SAFETY: the exporter keeps it as long as the buffer.
            unsafe { CStr::from_ptr(self.view.format) }
        };
        let size = self.view.itemsize.cast_unsigned();
        element_of(format.to_bytes()).filter(|element| element.size() == size).ok_or_else(|| {
            Refusal::new(format!(
                "an array of the format {:?} cannot be passed to a native plugin; convert it to \
                 one of bools, integers or floats in this machine's byte order",
                format.to_string_lossy()
            ))
        })
    }

    /// Copies the content, unless it lies row by row without gaps.
    fn put_in_order(&mut self) -> Outcome {
        const BY_ROWS: std::ffi::c_char = b'C'.cast_signed();
        let view = ptr::from_mut(&mut *self.view);
        // SAFETY: the buffer was filled in by its exporter.
        if unsafe { ffi::PyBuffer_IsContiguous(view, BY_ROWS) } != 0 {
            return Ok(());
        }
        let len = self.view.len;
        let mut copy = Vec::<u8>::new(); // few bytes may be shown as very many
        if copy.try_reserve_exact(len.cast_unsigned()).is_err() {
            return Err(Refusal::new("there is not enough memory to copy it"));
        }
        copy.resize(len.cast_unsigned(), 0);
        let start = copy.as_mut_ptr().cast();
        // SAFETY: there is room for the whole content.
        if unsafe { ffi::PyBuffer_ToContiguous(start, view, len, BY_ROWS) } != 0 {
            // SAFETY: the interpreter is held.
            unsafe { ffi::PyErr_Clear() };
            return Err(Refusal::new("its memory cannot be read in order"));
        }
        self.in_order = copy;
        Ok(())
    }

    fn content(&self) -> &[u8] {
        if self.view.len == 0 || !self.in_order.is_empty() {
            return &self.in_order;
        }
        // SAFETY: contiguous, and of that length, as long as the buffer is held.
        unsafe { slice::from_raw_parts(self.view.buf.cast(), self.view.len.cast_unsigned()) }
    }

    fn shape(&self) -> &[isize] {
        let dimensions = self.view.ndim.unsigned_abs() as usize;
        if dimensions == 0 {
            return &[];
        }
        // SAFETY: what was asked for has a shape of that many numbers.
        unsafe { slice::from_raw_parts(self.view.shape, dimensions) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it was filled in, and is given back once; the interpreter is held by the walk's
        // caller. Code of a user may run, when the tape is not used any more.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.view) };
    }
}

/// Writes the rows of an array: all but its last dimension are lists.
///
/// # Safety
/// `content` stays where it is until the tape is cleared or dropped, if it is lent.
unsafe fn rows(
    tape: &mut Tape,
    texts: Texts,
    element: Element,
    shape: &[isize],
    content: &mut &[u8],
) -> Outcome {
    let Some((&len, inner)) = shape.split_first() else { return Ok(()) };
    let len = len.cast_unsigned();
    if inner.is_empty() {
        let (row, rest) = content.split_at(len * element.size());
        *content = rest;
        match texts {
            // SAFETY: the caller's promise.
            Texts::Lent => unsafe { tape.packed_ref(element, row.as_ptr(), row.len()) },
            Texts::Copied => tape.packed(element, row),
        }?;
        return Ok(());
    }
    let list = tape.begin_list(len)?;
    for index in 0..len {
        // SAFETY: the caller's promise.
        let row = unsafe { rows(tape, texts, element, inner, content) };
        row.map_err(|refusal| refusal.at(Step::Index(index)))?;
    }
    Ok(tape.end(list)?)
}

/// The element of a format of Python's `struct`, if it is one number as this machine has it.
fn element_of(format: &[u8]) -> Option<Element> {
    const OWN_ORDER: u8 = if cfg!(target_endian = "big") { b'>' } else { b'<' };
    let (letter, is_standard) = match format {
        [letter] | [b'@', letter] => (*letter, false),
        [b'=', letter] => (*letter, true),
        [order, letter] if *order == OWN_ORDER => (*letter, true),
        _ => return None,
    };
    let letter = match (letter, is_standard) {
        (b'l', true) => element::I32,
        (b'L', true) => element::U32,
        (b'l', false) if size_of::<c_long>() == 4 => element::I32,
        (b'l', false) => element::I64,
        (b'L', false) if size_of::<c_ulong>() == 4 => element::U32,
        (b'L', false) => element::U64,
        (letter, _) => letter,
    };
    Element::from_letter(letter)
}
