//! Writing a tape: nodes and bytes of the host's, lent to a plugin for the time of a call.

use zerepy_plugin_abi::{FfiTape, MAX_DEPTH, Node, TAPE_VERSION, tag};

use super::{TapeError, TapeView};

/// A value being written, or written, in pre-order. [`clear`](Self::clear) keeps the memory for
/// the next one.
///
/// Lent texts and bytes ([`str_ref`](Self::str_ref)) must stay alive until it is cleared or dropped.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    arena: Vec<u8>,
    items: usize, // written directly into the innermost open container
    depth: usize,
}

/// A container that was begun and has to be given to [`Tape::end`].
#[derive(Debug)]
#[must_use = "a container has to be ended"]
pub struct Open {
    node: usize,
    expected: usize,
    items_before: usize,
    depth: usize,
}

impl Tape {
    /// An empty tape; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { nodes: Vec::new(), arena: Vec::new(), items: 0, depth: 0 }
    }

    /// Forgets what was written, and keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.arena.clear();
        self.items = 0;
        self.depth = 0;
    }

    /// Writes `None`.
    #[inline]
    pub fn null(&mut self) {
        self.push(tag::NULL, 0, 0);
    }

    /// Writes a bool.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.push(if value { tag::TRUE } else { tag::FALSE }, 0, 0);
    }

    /// Writes an integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        self.push(tag::INT, 0, value.cast_unsigned());
    }

    /// Writes an integer that is not negative; one that fits an `i64` is written as such.
    #[inline]
    pub fn uint(&mut self, value: u64) {
        let tag = if i64::try_from(value).is_ok() { tag::INT } else { tag::UINT };
        self.push(tag, 0, value);
    }

    /// Writes an integer beyond 64 bits: two's complement, little endian.
    pub fn bigint(&mut self, bytes: &[u8]) -> Result<(), TapeError> {
        self.copied(tag::BIGINT, bytes)
    }

    /// Writes a float, bit by bit.
    #[inline]
    pub fn float(&mut self, value: f64) {
        self.push(tag::FLOAT, 0, value.to_bits());
    }

    /// Writes a text, which is copied.
    #[inline]
    pub fn str(&mut self, text: &str) -> Result<(), TapeError> {
        self.copied(tag::STR, text.as_bytes())
    }

    /// Writes bytes, which are copied.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), TapeError> {
        self.copied(tag::BYTES, bytes)
    }

    /// Writes a text without copying it.
    ///
    /// # Safety
    /// `ptr` points to `len` bytes of UTF-8 that neither move nor change until the tape is cleared
    /// or dropped.
    #[inline]
    pub unsafe fn str_ref(&mut self, ptr: *const u8, len: usize) -> Result<(), TapeError> {
        self.lent(tag::STR_REF, ptr, len)
    }

    /// Writes bytes without copying them.
    ///
    /// # Safety
    /// `ptr` points to `len` bytes that neither move nor change until the tape is cleared or dropped.
    #[inline]
    pub unsafe fn bytes_ref(&mut self, ptr: *const u8, len: usize) -> Result<(), TapeError> {
        self.lent(tag::BYTES_REF, ptr, len)
    }

    /// Begins a list of `len` items, which follow.
    #[inline]
    pub fn begin_list(&mut self, len: usize) -> Result<Open, TapeError> {
        self.begin(tag::LIST, len, len)
    }

    /// Begins a tuple of `len` items, which follow.
    #[inline]
    pub fn begin_tuple(&mut self, len: usize) -> Result<Open, TapeError> {
        self.begin(tag::TUPLE, len, len)
    }

    /// Begins a map of `len` pairs, which follow: each a text, then a value.
    #[inline]
    pub fn begin_map(&mut self, len: usize) -> Result<Open, TapeError> {
        self.begin(tag::MAP, len, len.saturating_mul(2))
    }

    /// Ends the innermost container; an error if it did not get the items it was begun with.
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "what is ended cannot be ended again")]
    pub fn end(&mut self, open: Open) -> Result<(), TapeError> {
        if self.items != open.expected || self.depth != open.depth {
            return Err(TapeError::Unbalanced);
        }
        let end = self.nodes.len() as u64;
        self.nodes.get_mut(open.node).ok_or(TapeError::Unbalanced)?.value = end;
        self.items = open.items_before + 1;
        self.depth -= 1;
        Ok(())
    }

    /// What was written so far. Lent texts and bytes cannot be read back.
    #[must_use]
    pub fn view(&self) -> TapeView<'_> {
        TapeView::new(&self.nodes, &self.arena)
    }

    /// The tape as plugins see it; `Unbalanced` unless it holds exactly one value.
    #[inline]
    pub(crate) fn to_ffi(&self) -> Result<FfiTape, TapeError> {
        if self.depth != 0 || self.items != 1 {
            return Err(TapeError::Unbalanced);
        }
        Ok(FfiTape {
            version: TAPE_VERSION,
            reserved: 0,
            nodes: self.nodes.as_ptr(),
            node_count: self.nodes.len(),
            arena: self.arena.as_ptr(),
            arena_len: self.arena.len(),
        })
    }

    #[inline]
    fn push(&mut self, tag: u32, len: u32, value: u64) {
        self.nodes.push(Node { tag, len, value });
        self.items += 1;
    }

    #[inline]
    fn copied(&mut self, tag: u32, bytes: &[u8]) -> Result<(), TapeError> {
        let len = node_len(bytes.len())?;
        self.push(tag, len, self.arena.len() as u64);
        self.arena.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn lent(&mut self, tag: u32, ptr: *const u8, len: usize) -> Result<(), TapeError> {
        self.push(tag, node_len(len)?, ptr.expose_provenance() as u64);
        Ok(())
    }

    #[inline]
    fn begin(&mut self, tag: u32, len: usize, expected: usize) -> Result<Open, TapeError> {
        if self.depth == MAX_DEPTH {
            return Err(TapeError::TooDeep);
        }
        let node = self.nodes.len();
        self.nodes.push(Node { tag, len: node_len(len)?, value: 0 });
        self.depth += 1;
        let items_before = std::mem::take(&mut self.items);
        Ok(Open { node, expected, items_before, depth: self.depth })
    }
}

#[inline]
fn node_len(len: usize) -> Result<u32, TapeError> {
    u32::try_from(len).map_err(|_| TapeError::TooLong(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_say_where_they_end() {
        let mut tape = Tape::new();
        let map = tape.begin_map(2).unwrap();
        tape.str("a").unwrap();
        let list = tape.begin_list(2).unwrap();
        tape.int(-1);
        tape.float(-0.0);
        tape.end(list).unwrap();
        tape.str("b").unwrap();
        tape.null();
        tape.end(map).unwrap();
        let ends: Vec<_> = (0..7).map(|i| tape.view().node(i).unwrap().value).collect();
        assert_eq!((ends[0], ends[2], ends[5]), (7, 5, 1)); // the last: offset of "b"
        assert!(tape.to_ffi().is_ok());
    }

    #[test]
    fn wrong_counts_and_orders_are_noticed() {
        let mut tape = Tape::new();
        assert_eq!(tape.to_ffi().unwrap_err(), TapeError::Unbalanced);
        let list = tape.begin_list(2).unwrap();
        tape.null();
        assert_eq!(tape.end(list), Err(TapeError::Unbalanced));

        tape.clear();
        let outer = tape.begin_list(1).unwrap();
        let inner = tape.begin_list(1).unwrap();
        tape.null();
        assert_eq!(tape.end(outer), Err(TapeError::Unbalanced));
        assert_eq!(tape.end(inner), Ok(()));
        assert!(tape.to_ffi().is_err());
    }

    #[test]
    fn depth_is_limited() {
        let mut tape = Tape::new();
        for _ in 0..MAX_DEPTH {
            let _open = tape.begin_list(1).unwrap();
        }
        assert_eq!(tape.begin_list(0).unwrap_err(), TapeError::TooDeep);
    }

    #[test]
    fn unsigned_integers_use_the_narrowest_kind() {
        let mut tape = Tape::new();
        tape.uint(i64::MAX.cast_unsigned());
        tape.uint(u64::MAX);
        assert_eq!(tape.view().node(0).unwrap().tag, tag::INT);
        assert_eq!(tape.view().node(1).unwrap().tag, tag::UINT);
    }
}
