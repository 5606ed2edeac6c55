//! Writing a tape: nodes and bytes of the host's, lent to a plugin for the time of a call.

use zerepy_plugin_abi::{FfiTape, MAX_DEPTH, Node, TAPE_VERSION, tag};

use super::{TapeError, TapeView, to_msgpack};

/// What a payload may take unless a manager says otherwise: 256 MiB.
pub const DEFAULT_MAX_PAYLOAD: usize = 256 << 20;

/// What may be written on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// How large it may become: the bytes of its nodes, its arena and what is lent.
    pub max_payload: usize,
    /// Whether arrays may be packed; if not, they become lists.
    pub packed: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Form {
    /// Everything, up to the limit that holds unless somebody sets another.
    pub const DEFAULT: Self = Self { max_payload: DEFAULT_MAX_PAYLOAD, packed: true };
}

/// A value being written, or written, in pre-order. [`clear`](Self::clear) keeps the memory for
/// the next one.
///
/// Lent texts and bytes ([`str_ref`](Self::str_ref)) must stay alive until it is cleared or dropped.
#[derive(Debug)]
pub struct Tape {
    pub(super) nodes: Vec<Node>,
    pub(super) arena: Vec<u8>,
    pub(super) items: usize, // written directly into the innermost open container
    depth: usize,
    pub(super) form: Form,
    /// Bytes it will have when all that was announced is written: containers announce their items.
    size: usize,
}

/// A container that was begun and has to be given to [`Tape::end`].
#[derive(Debug)]
#[must_use = "a container has to be ended"]
pub struct Open {
    node: usize,
    pub(super) expected: usize,
    items_before: usize,
    depth: usize,
}

impl Default for Tape {
    fn default() -> Self {
        Self::new(Form::DEFAULT)
    }
}

impl Tape {
    /// An empty tape; allocates nothing.
    #[must_use]
    pub const fn new(form: Form) -> Self {
        Self { nodes: Vec::new(), arena: Vec::new(), items: 0, depth: 0, form, size: NODE }
    }

    /// What may be written on it.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Clears it for another value, of another form.
    pub fn reset(&mut self, form: Form) {
        self.clear();
        self.form = form;
    }

    /// Forgets what was written, and keeps the memory, but for what only rare values need.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.shrink_to(MAX_KEPT / NODE);
        self.arena.clear();
        self.arena.shrink_to(MAX_KEPT);
        self.items = 0;
        self.depth = 0;
        self.size = NODE;
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

    /// A tape of one node, bytes that hold this one's value as MessagePack. Nothing is lent on it.
    pub(crate) fn to_msgpack(&self) -> Result<Self, TapeError> {
        self.to_ffi()?; // it is whole
        let mut tape = Self::new(self.form);
        tape.arena = to_msgpack(self.view())?;
        tape.announce(tape.arena.len())?;
        tape.push(tag::BYTES, node_len(tape.arena.len())?, 0);
        Ok(tape)
    }

    /// A copy of a whole value, which is not looked into: whoever reads it checks it again.
    pub fn copy_of(view: TapeView<'_>) -> Result<Self, TapeError> {
        let (form, size) = (Form::DEFAULT, view.size_of_nodes().saturating_add(view.arena().len()));
        if size > form.max_payload {
            return Err(TapeError::TooLarge { size, limit: form.max_payload });
        }
        let nodes: Result<Vec<_>, _> = (0..view.node_count()).map(|at| view.node(at)).collect();
        let nodes = nodes?;
        if nodes.is_empty() {
            return Err(TapeError::Broken("it is empty"));
        }
        Ok(Self { nodes, arena: view.arena().to_vec(), items: 1, depth: 0, form, size })
    }

    /// A tape that holds `None`.
    pub(crate) fn nothing() -> Self {
        let mut tape = Self::default();
        tape.null();
        tape
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
    pub(super) fn push(&mut self, tag: u32, len: u32, value: u64) {
        self.nodes.push(Node { tag, len, value });
        self.items += 1;
    }

    /// Counts bytes that are about to be written, before there is memory for them.
    #[inline]
    pub(super) fn announce(&mut self, bytes: usize) -> Result<(), TapeError> {
        self.size = self.size.saturating_add(bytes);
        if self.size > self.form.max_payload {
            return Err(TapeError::TooLarge { size: self.size, limit: self.form.max_payload });
        }
        Ok(())
    }

    #[inline]
    fn copied(&mut self, tag: u32, bytes: &[u8]) -> Result<(), TapeError> {
        let len = node_len(bytes.len())?;
        self.announce(bytes.len())?;
        self.push(tag, len, self.arena.len() as u64);
        self.arena.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn lent(&mut self, tag: u32, ptr: *const u8, len: usize) -> Result<(), TapeError> {
        let len_of_node = node_len(len)?;
        self.announce(len)?;
        self.push(tag, len_of_node, ptr.expose_provenance() as u64);
        Ok(())
    }

    #[inline]
    fn begin(&mut self, tag: u32, len: usize, expected: usize) -> Result<Open, TapeError> {
        if self.depth == MAX_DEPTH {
            return Err(TapeError::TooDeep);
        }
        self.announce(expected.saturating_mul(NODE))?;
        let node = self.nodes.len();
        self.nodes.push(Node { tag, len: node_len(len)?, value: 0 });
        self.depth += 1;
        let items_before = std::mem::take(&mut self.items);
        Ok(Open { node, expected, items_before, depth: self.depth })
    }
}

/// Bytes of a node.
const NODE: usize = size_of::<Node>();

/// How many bytes a cleared tape keeps of its nodes, and of its arena.
const MAX_KEPT: usize = 4 << 20;

#[inline]
pub(super) fn node_len(len: usize) -> Result<u32, TapeError> {
    u32::try_from(len).map_err(|_| TapeError::TooLong(len))
}

#[cfg(test)]
mod tests {
    use zerepy_plugin_abi::element;

    use super::*;
    use crate::Element;

    #[test]
    fn containers_say_where_they_end() {
        let mut tape = Tape::new(Form::DEFAULT);
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
        let mut tape = Tape::new(Form::DEFAULT);
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
    fn the_memory_of_rare_values_is_not_kept() {
        let mut tape = Tape::new(Form::DEFAULT);
        for count in [1000, MAX_KEPT / NODE + 1] {
            let list = tape.begin_list(count).unwrap();
            (0..count).for_each(|_| tape.null());
            tape.end(list).unwrap();
            tape.clear();
            assert!((1000..=MAX_KEPT / NODE).contains(&tape.nodes.capacity()));
        }
        tape.bytes(&vec![0; MAX_KEPT + 1]).unwrap();
        tape.clear();
        assert!((1..=MAX_KEPT).contains(&tape.arena.capacity()));
    }

    #[test]
    fn depth_is_limited() {
        let mut tape = Tape::new(Form::DEFAULT);
        for _ in 0..MAX_DEPTH {
            let _open = tape.begin_list(1).unwrap();
        }
        assert_eq!(tape.begin_list(0).unwrap_err(), TapeError::TooDeep);
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_written() {
        let mut tape = Tape::new(Form { max_payload: 1000, packed: true });
        let bytes = Element::from_letter(element::U8).unwrap();
        assert!(tape.begin_list(61).is_ok()); // with the node of the list itself
        for wrong in
            [tape.bytes(&[0; 9]), tape.begin_map(usize::MAX).map(drop), tape.packed(bytes, &[0; 2])]
        {
            assert!(matches!(wrong, Err(TapeError::TooLarge { limit: 1000, .. })), "{wrong:?}");
        }
        assert_eq!((tape.nodes.len(), tape.arena.len()), (1, 0));
        tape.clear();
        assert!(tape.bytes(&[0; 984]).is_ok());
    }

    #[test]
    fn unsigned_integers_use_the_narrowest_kind() {
        let mut tape = Tape::new(Form::DEFAULT);
        tape.uint(i64::MAX.cast_unsigned());
        tape.uint(u64::MAX);
        assert_eq!(tape.view().node(0).unwrap().tag, tag::INT);
        assert_eq!(tape.view().node(1).unwrap().tag, tag::UINT);
    }
}
