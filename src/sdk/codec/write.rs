//! A serde serializer that writes a tape: nodes and an arena, handed over as they are.

use std::cell::Cell;
use std::ffi::c_void;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use zerepy_plugin_abi::{FfiOwnedTape, FfiTape, MAX_DEPTH, Node, TAPE_VERSION, tag};

use super::Fault;
use crate::packed::Element;
use crate::value::{magic, significant};

type Result<T> = std::result::Result<T, Fault>;

/// Room for a small result without growing: a map of five keys has eleven nodes.
const NODES: usize = 16;
const ARENA_BYTES: usize = 128;

/// How many bytes of a result's memory a thread keeps for the next one, of nodes and of arena each.
const MAX_KEPT: usize = 4 << 20;

thread_local! {
    /// What this thread gave back last; taken while in use.
    static SPARE: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// Where packed arrays begin in the arena: at multiples of this.
const ALIGNMENT: usize = 8;

/// A value written as a tape, owned by this side until it is handed over.
#[derive(Debug)]
pub struct Payload(Box<Buffers>);

#[derive(Debug)]
struct Buffers {
    nodes: Vec<Node>,
    arena: Vec<u8>,
}

impl Buffers {
    /// Keeps the memory for the next result of this thread, but for what only rare ones need.
    fn give_back(mut self: Box<Self>) {
        self.nodes.clear();
        self.nodes.shrink_to(MAX_KEPT / size_of::<Node>());
        self.arena.clear();
        self.arena.shrink_to(MAX_KEPT);
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }
}

impl Payload {
    /// Nothing yet, in the memory of the last one if there is any.
    fn empty() -> Self {
        let spare = SPARE.try_with(Cell::take).ok().flatten(); // none while the thread ends
        Self(spare.unwrap_or_else(|| {
            let (nodes, arena) = (Vec::with_capacity(NODES), Vec::with_capacity(ARENA_BYTES));
            Box::new(Buffers { nodes, arena })
        }))
    }

    /// Writes `value`.
    pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let mut payload = Self::empty();
        value.serialize(&mut Writer { buffers: &mut payload.0, depth: 0 })?;
        Ok(payload)
    }

    /// The tape, to be read on this side.
    #[cfg(any(test, feature = "msgpack"))]
    pub(crate) fn tape(&self) -> super::Tape<'_> {
        // SAFETY: the writer lends nothing.
        unsafe { super::Tape::new(&self.0.nodes, &self.0.arena) }
    }

    /// Lends the tape.
    #[inline]
    pub(crate) fn as_ffi(&self) -> FfiTape {
        FfiTape {
            version: TAPE_VERSION,
            reserved: 0,
            nodes: self.0.nodes.as_ptr(),
            node_count: self.0.nodes.len(),
            arena: self.0.arena.as_ptr(),
            arena_len: self.0.arena.len(),
        }
    }

    /// Hands the tape over.
    #[inline]
    pub(crate) fn into_ffi(self) -> FfiOwnedTape {
        let tape = self.as_ffi();
        FfiOwnedTape { tape, owner: Box::into_raw(self.0).cast(), release: Some(release) }
    }
}

unsafe extern "C" fn release(owner: *mut c_void) {
    // SAFETY: the receiver gives back, once, what `into_ffi` handed over.
    unsafe { Box::from_raw(owner.cast::<Buffers>()) }.give_back();
}

fn packed_tag(element: Element) -> u32 {
    tag::PACKED | u32::from(element.letter()) << tag::ELEMENT_SHIFT
}

struct Writer<'b> {
    buffers: &'b mut Buffers,
    depth: usize,
}

impl<'b> Writer<'b> {
    #[inline]
    fn push(&mut self, tag: u32, value: u64) {
        self.buffers.nodes.push(Node { tag, len: 0, value });
    }

    #[inline]
    fn push_bytes(&mut self, tag: u32, bytes: &[u8]) -> Result<()> {
        let len = u32::try_from(bytes.len())
            .map_err(|_| Fault::new("more than 4 GiB of text or bytes in one piece"))?;
        let arena = &mut self.buffers.arena;
        self.buffers.nodes.push(Node { tag, len, value: arena.len() as u64 });
        arena.extend_from_slice(bytes);
        Ok(())
    }

    fn push_integer(&mut self, bytes: &[u8]) -> Result<()> {
        self.push_bytes(tag::BIGINT, &bytes[..significant(bytes)])
    }

    #[inline]
    fn open(&mut self, tag: u32) -> Result<Container<'_, 'b>> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::new(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let at = self.buffers.nodes.len();
        self.push(tag, 0);
        Ok(Container { writer: self, at, len: 0, in_variant: false })
    }

    /// Opens the content of a variant: a map with its name as the only key.
    fn open_variant(&mut self, name: &str, tag: u32) -> Result<Container<'_, 'b>> {
        self.open(tag::MAP)?;
        self.push_bytes(tag::STR, name.as_bytes())?;
        let mut container = self.open(tag)?;
        container.in_variant = true;
        Ok(container)
    }

    #[inline]
    fn close(&mut self, at: usize, len: usize) -> Result<()> {
        let len =
            u32::try_from(len).map_err(|_| Fault::new("more than 2^32 items in one piece"))?;
        let end = self.buffers.nodes.len() as u64;
        let node = &mut self.buffers.nodes[at];
        (node.len, node.value) = (len, end);
        self.depth -= 1;
        Ok(())
    }
}

impl<'w, 'b> Serializer for &'w mut Writer<'b> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Container<'w, 'b>;
    type SerializeTuple = Container<'w, 'b>;
    type SerializeTupleStruct = Container<'w, 'b>;
    type SerializeTupleVariant = Container<'w, 'b>;
    type SerializeMap = Container<'w, 'b>;
    type SerializeStruct = Container<'w, 'b>;
    type SerializeStructVariant = Container<'w, 'b>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<()> {
        self.push(if value { tag::TRUE } else { tag::FALSE }, 0);
        Ok(())
    }

    fn serialize_i8(self, number: i8) -> Result<()> {
        self.serialize_i64(number.into())
    }

    fn serialize_i16(self, number: i16) -> Result<()> {
        self.serialize_i64(number.into())
    }

    fn serialize_i32(self, number: i32) -> Result<()> {
        self.serialize_i64(number.into())
    }

    #[inline]
    fn serialize_i64(self, number: i64) -> Result<()> {
        self.push(tag::INT, number.cast_unsigned());
        Ok(())
    }

    fn serialize_i128(self, number: i128) -> Result<()> {
        match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => self.serialize_i64(number),
            (_, Ok(number)) => self.serialize_u64(number),
            _ => self.push_integer(&number.to_le_bytes()),
        }
    }

    fn serialize_u8(self, number: u8) -> Result<()> {
        self.serialize_i64(number.into())
    }

    fn serialize_u16(self, number: u16) -> Result<()> {
        self.serialize_i64(number.into())
    }

    fn serialize_u32(self, number: u32) -> Result<()> {
        self.serialize_i64(number.into())
    }

    #[inline]
    fn serialize_u64(self, number: u64) -> Result<()> {
        self.push(if i64::try_from(number).is_ok() { tag::INT } else { tag::UINT }, number);
        Ok(())
    }

    fn serialize_u128(self, number: u128) -> Result<()> {
        if let Ok(number) = i128::try_from(number) {
            return self.serialize_i128(number);
        }
        let mut bytes = [0; 17];
        bytes[..16].copy_from_slice(&number.to_le_bytes());
        self.push_integer(&bytes)
    }

    fn serialize_f32(self, number: f32) -> Result<()> {
        self.serialize_f64(number.into())
    }

    #[inline]
    fn serialize_f64(self, number: f64) -> Result<()> {
        self.push(tag::FLOAT, number.to_bits());
        Ok(())
    }

    fn serialize_char(self, character: char) -> Result<()> {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<()> {
        self.push_bytes(tag::STR, text.as_bytes())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<()> {
        self.push_bytes(tag::BYTES, bytes)
    }

    #[inline]
    fn serialize_none(self) -> Result<()> {
        self.push(tag::NULL, 0);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<()> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        let at = self.buffers.nodes.len();
        let element = Element::from_name(name);
        if element.is_some() {
            let arena = &mut self.buffers.arena;
            arena.resize(arena.len().next_multiple_of(ALIGNMENT), 0);
        }
        value.serialize(&mut *self)?;
        let node = &mut self.buffers.nodes[at];
        if let Some(element) = element {
            node.tag = packed_tag(element);
            node.len /= element.bytes();
        } else if name == magic::BIG_INT {
            node.tag = tag::BIGINT;
        }
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut map = self.open(tag::MAP)?;
        map.pair(variant, value)?;
        map.close()
    }

    #[inline]
    fn serialize_seq(self, _len: Option<usize>) -> Result<Container<'w, 'b>> {
        self.open(tag::LIST)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Container<'w, 'b>> {
        self.open(tag::TUPLE)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Container<'w, 'b>> {
        self.open(tag::TUPLE)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Container<'w, 'b>> {
        self.open_variant(variant, tag::TUPLE)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Container<'w, 'b>> {
        self.open(tag::MAP)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Container<'w, 'b>> {
        self.open(tag::MAP)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Container<'w, 'b>> {
        self.open_variant(variant, tag::MAP)
    }
}

/// A list, tuple or map that is being written.
struct Container<'w, 'b> {
    writer: &'w mut Writer<'b>,
    /// Where its own node is.
    at: usize,
    len: usize,
    /// Whether it is the content of a variant, whose map and key stand just before it.
    in_variant: bool,
}

impl Container<'_, '_> {
    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let index = self.len;
        self.len += 1;
        value.serialize(&mut *self.writer).map_err(|fault| fault.at_index(index))
    }

    #[inline]
    fn pair<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        self.len += 1;
        self.writer.push_bytes(tag::STR, key.as_bytes())?;
        value.serialize(&mut *self.writer).map_err(|fault| fault.at_key(key))
    }

    #[inline]
    fn close(self) -> Result<()> {
        self.writer.close(self.at, self.len)?;
        if self.in_variant {
            self.writer.close(self.at - 2, 1)?;
        }
        Ok(())
    }
}

/// The traits that differ in the name of their method only.
macro_rules! sequences {
    ($($sequence:ident::$method:ident)+) => {
        $(impl $sequence for Container<'_, '_> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.item(value)
            }

            #[inline]
            fn end(self) -> Result<()> {
                self.close()
            }
        })+
    };
}

sequences! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! structs {
    ($($structure:ident)+) => {
        $(impl $structure for Container<'_, '_> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<()> {
                self.pair(key, value)
            }

            #[inline]
            fn end(self) -> Result<()> {
                self.close()
            }
        })+
    };
}

structs! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Container<'_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        let at = self.writer.buffers.nodes.len();
        key.serialize(&mut *self.writer)?;
        match self.writer.buffers.nodes[at..] {
            [Node { tag: tag::STR, .. }] => Ok(()),
            _ => Err(Fault::new("a map's keys must be texts")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let key = self.writer.buffers.nodes.last().copied();
        self.len += 1;
        value.serialize(&mut *self.writer).map_err(|fault| match key {
            Some(key) => fault.at_key(&self.writer.buffers.text(key)),
            None => fault,
        })
    }

    fn end(self) -> Result<()> {
        self.close()
    }
}

impl Buffers {
    /// The text of a node that was written before.
    #[cold]
    fn text(&self, node: Node) -> String {
        let bytes = usize::try_from(node.value)
            .ok()
            .and_then(|start| self.arena.get(start..)?.get(..node.len as usize));
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    }
}
