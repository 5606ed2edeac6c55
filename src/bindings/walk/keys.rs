//! The keys of maps: plugins give the same few again and again. Each thread keeps the last ones, with
//! the hash that Python keeps in them.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// A thread keeps two keys in each of so many places, two to the power of this; a later one takes the
/// place of the older one.
const PLACE_BITS: u32 = 7;
/// A longer key is more likely data than a name, and never kept.
const MAX_BYTES: usize = 64;

thread_local! {
    /// Taken while in use: making an object may run finalizers, and those may call plugins.
    static KEYS: Cell<Keys> = const { Cell::new(Keys { places: Vec::new() }) };
}

/// Keys as Python texts. Its holder is attached to the interpreter.
#[derive(Default)]
pub(super) struct Keys {
    places: Vec<[Option<Known>; 2]>, // empty until the first key
}

/// A key that was met before.
struct Known {
    print: Print,
    text: Py<PyString>,
}

/// Tells texts of up to 16 bytes apart; longer ones have to be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Print {
    head: u64, // the first bytes
    tail: u64, // the last ones; in short texts the same again
    len: usize,
}

impl Keys {
    /// Lends what this thread keeps; for a call within a call, nothing.
    #[inline]
    pub(super) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        KEYS.with(|place| {
            let mut keys = place.take();
            let done = work(&mut keys);
            place.set(keys);
            done
        })
    }

    /// Lends the text of these bytes, of which Python checks that they are UTF-8: a key that was met
    /// before need not be counted.
    #[inline]
    pub(super) fn lend<T>(
        &mut self,
        py: Python<'_>,
        bytes: &[u8],
        work: impl FnOnce(&Bound<'_, PyString>) -> PyResult<T>,
    ) -> PyResult<T> {
        let print = Print::of(bytes);
        let place = self.places.get(print.place());
        let known = place.and_then(|known| known.iter().flatten().find(|it| it.print == print));
        match known {
            Some(known) if print.tells(&known.text, py, bytes) => work(known.text.bind(py)),
            _ => work(&self.meet(py, print, bytes)?),
        }
    }

    fn meet<'py>(
        &mut self,
        py: Python<'py>,
        print: Print,
        bytes: &[u8],
    ) -> PyResult<Bound<'py, PyString>> {
        let text = PyString::from_bytes(py, bytes)?;
        if bytes.len() <= MAX_BYTES {
            self.places.resize_with(1 << PLACE_BITS, Default::default);
            let place = &mut self.places[print.place()];
            place.swap(0, 1);
            place[0] = Some(Known { print, text: text.clone().unbind() });
        }
        Ok(text)
    }
}

impl Print {
    #[inline]
    fn of(bytes: &[u8]) -> Self {
        let (head, tail) = if let Some(head) = bytes.first_chunk::<8>()
            && let Some(tail) = bytes.last_chunk::<8>()
        {
            (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
        } else if let Some(head) = bytes.first_chunk::<4>()
            && let Some(tail) = bytes.last_chunk::<4>()
        {
            (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into())
        } else {
            (bytes.iter().fold(0, |print, byte| print << 8 | u64::from(*byte)), 0)
        };
        Self { head, tail, len: bytes.len() }
    }

    /// Cheap, and different enough for the names of a record's fields.
    #[inline]
    fn place(self) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // spreads what differs in few bits over the upper ones
        let mixed = (self.head ^ self.tail.rotate_left(29) ^ self.len as u64).wrapping_mul(ODD);
        (mixed >> (u64::BITS - PLACE_BITS)) as usize
    }

    /// Whether it is enough, or the bytes are those of that text.
    #[inline]
    fn tells(self, text: &Py<PyString>, py: Python<'_>, bytes: &[u8]) -> bool {
        self.len <= 16 || text.bind(py).to_str().is_ok_and(|text| text.as_bytes() == bytes)
    }
}
