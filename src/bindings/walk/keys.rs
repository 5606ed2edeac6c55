//! The keys of maps: plugins give the same few again and again. Each thread keeps the last ones, with
//! the hash that Python keeps in them.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// How many keys a thread keeps; a later one takes the place of one with the same hash.
const SLOTS: usize = 128;
/// A longer key is more likely data than a name, and never kept.
const MAX_BYTES: usize = 64;

thread_local! {
    /// Taken while in use: making an object may run finalizers, and those may call plugins.
    static KEYS: Cell<Keys> = const { Cell::new(Keys { slots: Vec::new() }) };
}

/// Keys as Python texts. Its holder is attached to the interpreter.
#[derive(Default)]
pub(super) struct Keys {
    slots: Vec<Option<Py<PyString>>>, // empty until the first key
}

impl Keys {
    /// What this thread keeps; for a call within a call, nothing.
    pub(super) fn take() -> Self {
        KEYS.take()
    }

    /// Keeps the texts until they are taken again.
    pub(super) fn put_back(self) {
        KEYS.set(self);
    }

    /// The text of these bytes, of which Python checks that they are UTF-8.
    pub(super) fn text<'py>(
        &mut self,
        py: Python<'py>,
        bytes: &[u8],
    ) -> PyResult<Bound<'py, PyString>> {
        if bytes.len() > MAX_BYTES {
            return PyString::from_bytes(py, bytes);
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let slot = &mut self.slots[hash(bytes)];
        if let Some(known) = slot.as_ref().map(|known| known.bind(py))
            && known.to_str().is_ok_and(|known| known.as_bytes() == bytes)
        {
            return Ok(known.clone());
        }
        let text = PyString::from_bytes(py, bytes)?;
        *slot = Some(text.clone().unbind());
        Ok(text)
    }
}

/// Cheap, and different enough for the names of a record's fields.
fn hash(bytes: &[u8]) -> usize {
    let at = |index: usize| usize::from(bytes.get(index).copied().unwrap_or(0));
    let len = bytes.len();
    (len ^ at(0) ^ (at(len / 2) << 1) ^ (at(len.wrapping_sub(1)) << 3)) % SLOTS
}
