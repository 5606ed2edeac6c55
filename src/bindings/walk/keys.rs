//! The keys of maps: a list of records has the same few again and again.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// How many keys are remembered; a later one takes the place of one with the same hash.
const SLOTS: usize = 64;

/// What a key was made of, and the text.
type Made<'py, 'a> = (&'a [u8], Bound<'py, PyString>);

/// Texts that were made of keys before.
#[derive(Default)]
pub(super) struct Keys<'py, 'a> {
    slots: Vec<Option<Made<'py, 'a>>>, // empty until the second map
    maps: usize,
}

impl<'py, 'a> Keys<'py, 'a> {
    /// Says that another map begins.
    pub(super) fn begin_map(&mut self) {
        self.maps += 1;
        if self.maps == 2 {
            self.slots.resize_with(SLOTS, || None);
        }
    }

    /// The text of these bytes, of which Python checks that they are UTF-8.
    pub(super) fn text(
        &mut self,
        py: Python<'py>,
        bytes: &'a [u8],
    ) -> PyResult<Bound<'py, PyString>> {
        let Some(slot) = self.slots.get_mut(hash(bytes)) else {
            return PyString::from_bytes(py, bytes);
        };
        match slot {
            Some((known, text)) if *known == bytes => Ok(text.clone()),
            _ => {
                let text = PyString::from_bytes(py, bytes)?;
                *slot = Some((bytes, text.clone()));
                Ok(text)
            }
        }
    }
}

/// Cheap, and different enough for the names of a record's fields.
fn hash(bytes: &[u8]) -> usize {
    let at = |index: usize| usize::from(bytes.get(index).copied().unwrap_or(0));
    let len = bytes.len();
    (len ^ at(0) ^ (at(len / 2) << 1) ^ (at(len.wrapping_sub(1)) << 3)) % SLOTS
}
