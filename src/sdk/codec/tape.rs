//! A tape in place: what is lent, and a cursor in it. Every index, offset and length is checked
//! here before use; what a value means is the deserializer's business.

use std::slice;

use serde::Deserialize;
use zerepy_plugin_abi::{FfiTape, MAX_DEPTH, Node, TAPE_VERSION, tag};

use super::Fault;
use crate::packed::Element;

type Result<T> = std::result::Result<T, Fault>;

/// A tape lent by the host for the time of one call.
#[derive(Clone, Copy, Debug)]
pub struct Tape<'t> {
    nodes: &'t [Node],
    arena: &'t [u8],
}

impl<'t> Tape<'t> {
    /// Takes a tape on trust for its addresses, and for nothing else.
    ///
    /// # Safety
    ///
    /// `tape` is NULL or points to a tape whose nodes, arena and lent texts and bytes are readable
    /// and unchanged for `'t`.
    #[inline]
    pub(crate) unsafe fn from_ffi(tape: *const FfiTape) -> Result<Self> {
        // SAFETY: the caller passes NULL or a valid pointer.
        let tape = unsafe { tape.as_ref() }.ok_or_else(|| Fault::malformed("there is none"))?;
        if tape.version != TAPE_VERSION {
            let found = tape.version;
            return Err(Fault::malformed(&format!("version {found} instead of {TAPE_VERSION}")));
        }
        if !tape.nodes.is_aligned() {
            return Err(Fault::malformed("its nodes are not aligned"));
        }
        // SAFETY: both ranges are readable for `'t`, as the caller promises.
        unsafe {
            Ok(Self {
                nodes: lent(tape.nodes, tape.node_count)?,
                arena: lent(tape.arena, tape.arena_len)?,
            })
        }
    }

    /// A tape of our own.
    ///
    /// # Safety
    ///
    /// Nothing on it is lent from elsewhere.
    #[cfg(any(test, feature = "msgpack"))]
    pub(super) unsafe fn new(nodes: &'t [Node], arena: &'t [u8]) -> Self {
        Self { nodes, arena }
    }

    pub(super) fn reader(self) -> Reader<'t> {
        Reader { tape: self, at: 0, end: self.nodes.len(), depth: 0 }
    }

    /// Reads the value on the tape, all of it.
    #[inline]
    pub(crate) fn decode<T: Deserialize<'t>>(self) -> Result<T> {
        let mut reader = self.reader();
        let value = T::deserialize(&mut reader)?;
        if reader.at != reader.end {
            return Err(Fault::malformed("nodes after the value"));
        }
        Ok(value)
    }

    /// Whether there is nothing in it: `None`, or a map without keys.
    pub(crate) fn is_nothing(self) -> bool {
        matches!(self.nodes, [Node { tag: tag::NULL, .. } | Node { tag: tag::MAP, len: 0, .. }])
    }
}

/// Lends `len` items at `start`.
///
/// # Safety
///
/// They are readable and unchanged for `'t`, and `start` is aligned; or `start` is NULL.
#[inline]
unsafe fn lent<'t, T>(start: *const T, len: usize) -> Result<&'t [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if start.is_null() || len > isize::MAX as usize / size_of::<T>() {
        return Err(Fault::malformed("an address or a length that cannot be"));
    }
    // SAFETY: not NULL, aligned, of a possible size, and readable as the caller promises.
    Ok(unsafe { slice::from_raw_parts(start, len) })
}

/// Whether they are all ASCII; up to 16 of them are seen in two steps.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080; // the bit that no ASCII character has, in each byte
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let half = |bytes: &[u8; 4]| u64::from(u32::from_ne_bytes(*bytes));
    let all = match bytes.len() {
        0..4 => return bytes.iter().all(u8::is_ascii),
        4..8 => bytes.first_chunk().map(half).zip(bytes.last_chunk().map(half)),
        8..=16 => bytes.first_chunk().map(word).zip(bytes.last_chunk().map(word)),
        _ => return bytes.is_ascii(),
    };
    all.is_some_and(|(head, tail)| (head | tail) & HIGH == 0)
}

/// The place in a tape that is read next.
pub(super) struct Reader<'de> {
    tape: Tape<'de>,
    pub(super) at: usize,
    /// Where the innermost open container ends; never beyond the nodes.
    end: usize,
    depth: usize,
}

impl<'de> Reader<'de> {
    /// The next node, without going on.
    #[inline]
    pub(super) fn peek(&self) -> Result<Node> {
        if self.at >= self.end {
            return Err(Fault::malformed("it ends within a value"));
        }
        Ok(self.tape.nodes[self.at])
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<Node> {
        let node = self.peek()?;
        self.at += 1;
        Ok(node)
    }

    #[inline]
    pub(super) fn bytes(&self, node: Node) -> Result<&'de [u8]> {
        self.range(node, node.len as usize, matches!(node.tag, tag::STR_REF | tag::BYTES_REF))
    }

    /// What a packed array is of, and its numbers side by side; `None` for another kind of node.
    pub(super) fn packed(&self, node: Node) -> Result<Option<(Element, &'de [u8])>> {
        let kind = node.tag & tag::MASK;
        if kind != tag::PACKED && kind != tag::PACKED_REF {
            return Ok(None);
        }
        let letter = u8::try_from(node.tag >> tag::ELEMENT_SHIFT).ok();
        let element = letter
            .and_then(Element::from_letter)
            .ok_or_else(|| Fault::malformed("an array of an unknown type"))?;
        let len = node.len as usize * element.size();
        Ok(Some((element, self.range(node, len, kind == tag::PACKED_REF)?)))
    }

    #[inline]
    fn range(&self, node: Node, len: usize, is_lent: bool) -> Result<&'de [u8]> {
        if is_lent {
            #[expect(clippy::cast_possible_truncation, reason = "an address of this machine")]
            let start = std::ptr::with_exposed_provenance(node.value as usize);
            // SAFETY: who passed the tape promised that what it points to is readable for `'de`.
            return unsafe { lent(start, len) };
        }
        let found = usize::try_from(node.value)
            .ok()
            .and_then(|start| self.tape.arena.get(start..start.checked_add(len)?));
        found.ok_or_else(|| Fault::malformed("bytes outside of the arena"))
    }

    #[inline]
    pub(super) fn text(&self, node: Node) -> Result<&'de str> {
        let bytes = self.bytes(node)?;
        // Keys are short and ASCII: for them this is much faster than the full check.
        if is_ascii(bytes) {
            // SAFETY: ASCII is UTF-8.
            return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
        }
        std::str::from_utf8(bytes).map_err(|_| Fault::malformed("a text that is not UTF-8"))
    }

    /// Goes inside of a container whose node was just read; gives the end of the one around it.
    #[inline]
    pub(super) fn enter(&mut self, node: Node) -> Result<usize> {
        let nodes = if node.tag == tag::MAP { 2 * u64::from(node.len) } else { node.len.into() };
        let inside = (self.end - self.at) as u64;
        // A value of at least one node for each item, and no further than the container around it.
        if node.value < self.at as u64
            || node.value - (self.at as u64) > inside
            || nodes > node.value - self.at as u64
        {
            return Err(Fault::malformed("a container that ends outside of what holds it"));
        }
        if self.depth == MAX_DEPTH {
            return Err(Fault::new(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        #[expect(clippy::cast_possible_truncation, reason = "at most the number of nodes")]
        let end = node.value as usize;
        Ok(std::mem::replace(&mut self.end, end))
    }

    #[inline]
    pub(super) fn leave(&mut self, outer: usize) -> Result<()> {
        if self.at != self.end {
            return Err(Fault::malformed("a container that does not end where it says"));
        }
        self.end = outer;
        self.depth -= 1;
        Ok(())
    }

    pub(super) fn skip(&mut self) -> Result<()> {
        let node = self.next()?;
        if matches!(node.tag, tag::LIST | tag::TUPLE | tag::MAP) {
            let outer = self.enter(node)?;
            self.at = self.end;
            self.leave(outer)?;
        }
        Ok(())
    }
}
