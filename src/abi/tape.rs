//! The tape: how a value crosses the border.
//!
//! A value is a flat array of nodes ([`Node`]) in pre-order, root first, plus an arena of bytes
//! that nodes point into by offset. A container's node says how many items follow and where it
//! ends, so a reader may skip it without looking inside.
//!
//! A library whose descriptor says `"encoding": "msgpack"` gets and gives every value as a tape of
//! one node instead: bytes that hold the value as MessagePack. Integers beyond 64 bits are the
//! extension type [`ext::BIGINT`], packed arrays are [`ext::PACKED`]; a tuple becomes an array, and
//! an array comes back as a list. Other extension types, and keys that are not texts, are refused.

use core::ffi::c_void;

/// The version of the node format, first field of [`FfiTape`].
pub const TAPE_VERSION: u32 = 1;

/// How deep containers may nest; both sides refuse what is deeper.
pub const MAX_DEPTH: usize = 128;

/// One step of a value: its kind, a length and a payload whose meaning depends on the kind.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// One of the constants in [`tag`]; a packed array has its [`element`] in bits 8 to 15.
    pub tag: u32,
    /// Bytes of a string, bytes or big integer; items of a list or packed array; pairs of a map;
    /// else 0.
    pub len: u32,
    /// The number's bits, an arena offset, an address, or the index of the node after a container.
    pub value: u64,
}

/// The kinds of [`Node`].
pub mod tag {
    /// Python's `None`.
    pub const NULL: u32 = 0;
    /// `False`.
    pub const FALSE: u32 = 1;
    /// `True`.
    pub const TRUE: u32 = 2;
    /// An integer; `value` is an `i64`.
    pub const INT: u32 = 3;
    /// An integer above `i64::MAX`; `value` is a `u64`.
    pub const UINT: u32 = 4;
    /// An integer beyond 64 bits: two's complement, little endian, in the arena.
    pub const BIGINT: u32 = 5;
    /// A float; `value` is the bits of a number of 64 bits (IEEE 754).
    pub const FLOAT: u32 = 6;
    /// UTF-8 text in the arena.
    pub const STR: u32 = 7;
    /// UTF-8 text at an address, lent for the time of the call.
    pub const STR_REF: u32 = 8;
    /// Bytes in the arena.
    pub const BYTES: u32 = 9;
    /// Bytes at an address, lent for the time of the call.
    pub const BYTES_REF: u32 = 10;
    /// A list: `len` values follow; `value` is the index of the node after the last.
    pub const LIST: u32 = 11;
    /// A tuple, laid out like a list.
    pub const TUPLE: u32 = 12;
    /// A map: `len` pairs follow, each a text node and a value; `value` as for a list.
    pub const MAP: u32 = 13;
    /// A packed array: `len` numbers of one type, side by side as this machine has them in memory,
    /// in the arena at an offset that is a multiple of 8. Never passed to a library whose
    /// descriptor says a minor version of the ABI below 2: it gets a list instead.
    pub const PACKED: u32 = 14;
    /// A packed array at an address, which is aligned for its numbers; lent for the time of the
    /// call.
    pub const PACKED_REF: u32 = 15;
    /// The bits of [`super::Node::tag`] that are one of the above.
    pub const MASK: u32 = 255;
    /// How far the [`super::element`] of a packed array stands above them.
    pub const ELEMENT_SHIFT: u32 = 8;
}

/// The types of a packed array's numbers: the letters that Python's `struct` has for them.
pub mod element {
    /// A bool of one byte; 0 is `False`, all else is `True`.
    pub const BOOL: u8 = b'?';
    /// `i8`.
    pub const I8: u8 = b'b';
    /// `u8`.
    pub const U8: u8 = b'B';
    /// `i16`.
    pub const I16: u8 = b'h';
    /// `u16`.
    pub const U16: u8 = b'H';
    /// `i32`.
    pub const I32: u8 = b'i';
    /// `u32`.
    pub const U32: u8 = b'I';
    /// `i64`.
    pub const I64: u8 = b'q';
    /// `u64`.
    pub const U64: u8 = b'Q';
    /// A float of 32 bits.
    pub const F32: u8 = b'f';
    /// A float of 64 bits.
    pub const F64: u8 = b'd';
}

/// The extension types of MessagePack that values use.
pub mod ext {
    /// An integer beyond 64 bits: two's complement, little endian.
    pub const BIGINT: i8 = 1;
    /// A packed array: the letter of its [`super::element`], then the numbers, little endian.
    pub const PACKED: i8 = 2;
}

/// A tape lent for the time of one call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FfiTape {
    /// [`TAPE_VERSION`] of the side that wrote it.
    pub version: u32,
    /// Zero.
    pub reserved: u32,
    /// The nodes, root first.
    pub nodes: *const Node,
    /// How many nodes there are.
    pub node_count: usize,
    /// The bytes that nodes point into by offset; may be NULL if `arena_len` is 0.
    pub arena: *const u8,
    /// How many bytes there are.
    pub arena_len: usize,
}

/// A tape handed over: the receiver reads it, then calls `release(owner)` once.
#[repr(C)]
#[derive(Debug)]
pub struct FfiOwnedTape {
    /// What was written.
    pub tape: FfiTape,
    /// Passed back to `release`.
    pub owner: *mut c_void,
    /// Frees the tape; NULL if nothing is to be freed. May be called from any thread.
    pub release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
}

impl FfiTape {
    /// A tape with nothing on it, for the callee to fill.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            version: TAPE_VERSION,
            reserved: 0,
            nodes: core::ptr::null(),
            node_count: 0,
            arena: core::ptr::null(),
            arena_len: 0,
        }
    }
}

impl FfiOwnedTape {
    /// A tape with nothing on it, for the callee to fill.
    #[must_use]
    pub const fn empty() -> Self {
        Self { tape: FfiTape::empty(), owner: core::ptr::null_mut(), release: None }
    }
}

const _: () = assert!(size_of::<Node>() == 16 && align_of::<Node>() == 8);
