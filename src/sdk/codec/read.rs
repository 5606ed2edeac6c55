//! A serde deserializer that reads a tape in place: texts and bytes are borrowed from it, and
//! nothing is allocated but errors.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess,
    Visitor, value::BorrowedStrDeserializer,
};
use zerepy_plugin_abi::{Node, tag};

use super::Fault;
use super::numbers::Numbers;
use super::tape::Reader;
use crate::value::{magic, to_i128};

type Result<T> = std::result::Result<T, Fault>;

/// The values of more than one node, or of more than one kind of node.
impl<'de> Reader<'de> {
    fn big_int<V: Visitor<'de>>(&self, node: Node, visitor: V) -> Result<V::Value> {
        let bytes = self.bytes(node)?;
        if let Some(number) = to_i128(bytes) {
            return visitor.visit_i128(number);
        }
        // Above `i128::MAX` a `u128` still has room: its bytes, and one for the sign.
        match bytes.strip_suffix(&[0]).and_then(|low| low.try_into().ok()) {
            Some(low) => visitor.visit_u128(u128::from_le_bytes(low)),
            None => Err(Fault::new("an integer beyond 128 bits is too large here")),
        }
    }

    #[inline]
    fn seq<V: Visitor<'de>>(&mut self, node: Node, visitor: V) -> Result<V::Value> {
        let outer = self.enter(node)?;
        let len = node.len as usize;
        let mut items = Items { reader: self, left: len, len };
        let value = visitor.visit_seq(&mut items)?;
        if items.left > 0 {
            return Err(Fault::new(format!("expected {} items, got {len}", len - items.left)));
        }
        self.leave(outer)?;
        Ok(value)
    }

    #[inline]
    fn map<V: Visitor<'de>>(&mut self, node: Node, visitor: V) -> Result<V::Value> {
        let outer = self.enter(node)?;
        let mut pairs = Pairs { reader: self, left: node.len as usize, key: "" };
        let value = visitor.visit_map(&mut pairs)?;
        if pairs.left > 0 {
            return Err(Fault::new("more keys than expected"));
        }
        self.leave(outer)?;
        Ok(value)
    }

    /// The numbers of a packed array, one by one.
    fn numbers<V: Visitor<'de>>(&mut self, node: Node, visitor: V) -> Result<V::Value> {
        let Some((element, bytes)) = self.packed(node)? else {
            return Err(wrong(node, "a list"));
        };
        let mut numbers = Numbers::new(element, bytes);
        let value = visitor.visit_seq(&mut numbers)?;
        if numbers.left() > 0 {
            let (len, read) = (node.len as usize, node.len as usize - numbers.left());
            return Err(Fault::new(format!("expected {read} items, got {len}")));
        }
        Ok(value)
    }

    /// The next node for who wants the packed array of that name: side by side if it is one.
    fn array<V: Visitor<'de>>(&mut self, name: &str, visitor: V) -> Result<V::Value> {
        let node = self.peek()?;
        match self.packed(node)? {
            Some((element, bytes)) if element.name() == name => {
                self.at += 1;
                visitor.visit_borrowed_bytes(bytes)
            }
            // Bytes are numbers of 8 bits.
            None if name == magic::array::U8 && matches!(node.tag, tag::BYTES | tag::BYTES_REF) => {
                self.at += 1;
                visitor.visit_borrowed_bytes(self.bytes(node)?)
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    /// The integer of the next node, for a visitor of integers.
    #[inline]
    fn integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let node = self.next()?;
        match node.tag {
            tag::INT => visitor.visit_i64(node.value.cast_signed()),
            tag::UINT => visitor.visit_u64(node.value),
            tag::BIGINT => self.big_int(node, visitor),
            _ => Err(wrong(node, "an integer")),
        }
    }

    #[inline]
    fn float(&mut self) -> Result<f64> {
        let node = self.next()?;
        match node.tag {
            tag::FLOAT => Ok(f64::from_bits(node.value)),
            tag::INT => exact_float(node.value.cast_signed()),
            _ => Err(wrong(node, "a float")),
        }
    }
}

/// A float that is this integer, if there is one among those that count without gaps.
pub(super) fn exact_float(number: i64) -> Result<f64> {
    const LIMIT: u64 = 1 << f64::MANTISSA_DIGITS;
    if number.unsigned_abs() > LIMIT {
        return Err(Fault::new(format!("expected a float, got the integer {number}")));
    }
    #[expect(clippy::cast_precision_loss, reason = "the limit excludes it")]
    Ok(number as f64)
}

#[cold]
fn wrong(node: Node, expected: &str) -> Fault {
    let found = match node.tag {
        tag::NULL => "None",
        tag::FALSE | tag::TRUE => "a bool",
        tag::INT | tag::UINT | tag::BIGINT => "an integer",
        tag::FLOAT => "a float",
        tag::STR | tag::STR_REF => "a string",
        tag::BYTES | tag::BYTES_REF => "bytes",
        tag::LIST => "a list",
        tag::TUPLE => "a tuple",
        tag::MAP => "a dict",
        _ if is_packed(node) => "an array of numbers",
        _ => return Fault::malformed("a node of an unknown kind"),
    };
    Fault::new(format!("expected {expected}, got {found}"))
}

fn is_packed(node: Node) -> bool {
    matches!(node.tag & tag::MASK, tag::PACKED | tag::PACKED_REF)
}

/// Methods whose hint tells which kinds of node are possible, so that the message can be exact.
macro_rules! integers {
    ($($method:ident)+) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.integer(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.next()?;
        match node.tag {
            tag::NULL => visitor.visit_unit(),
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            tag::INT => visitor.visit_i64(node.value.cast_signed()),
            tag::UINT => visitor.visit_u64(node.value),
            tag::BIGINT => self.big_int(node, visitor),
            tag::FLOAT => visitor.visit_f64(f64::from_bits(node.value)),
            tag::STR | tag::STR_REF => visitor.visit_borrowed_str(self.text(node)?),
            tag::BYTES | tag::BYTES_REF => visitor.visit_borrowed_bytes(self.bytes(node)?),
            tag::LIST | tag::TUPLE => self.seq(node, visitor),
            tag::MAP => self.map(node, visitor),
            _ if is_packed(node) => self.numbers(node, visitor),
            _ => Err(wrong(node, "a value")),
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let number = self.float()?;
        visitor.visit_f64(number)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let number = self.float()?;
        if number.is_finite() && number.abs() > f64::from(f32::MAX) {
            return Err(Fault::new(format!("expected a 32-bit float, got {number}")));
        }
        visitor.visit_f64(number)
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.next()?;
        match node.tag {
            tag::FALSE | tag::TRUE => visitor.visit_bool(node.tag == tag::TRUE),
            _ => Err(wrong(node, "a bool")),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.next()?;
        match node.tag {
            tag::STR | tag::STR_REF => visitor.visit_borrowed_str(self.text(node)?),
            _ => Err(wrong(node, "a string")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.peek()?.tag == tag::NULL {
            self.at += 1;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.next()?;
        match node.tag {
            tag::LIST | tag::TUPLE => self.seq(node, visitor),
            _ if is_packed(node) => self.numbers(node, visitor),
            _ => Err(wrong(node, "a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        let node = self.peek()?;
        let is_list = matches!(node.tag, tag::LIST | tag::TUPLE) || is_packed(node);
        if is_list && node.len as usize != len {
            return Err(Fault::new(format!("expected {len} items, got {}", node.len)));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.next()?;
        match node.tag {
            tag::MAP => self.map(node, visitor),
            _ => Err(wrong(node, "a dict")),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        let node = self.peek()?;
        match node.tag {
            tag::TUPLE | tag::BIGINT if name == magic::VALUE => visitor.visit_enum(Exact(self)),
            tag::BIGINT if name == magic::BIG_INT => {
                self.at += 1;
                visitor.visit_borrowed_bytes(self.bytes(node)?)
            }
            tag::INT | tag::UINT => visitor.visit_newtype_struct(self),
            _ if is_packed(node) && name == magic::VALUE => visitor.visit_enum(Exact(self)),
            _ if name.starts_with(magic::array::PREFIX) => self.array(name, visitor),
            _ if name == magic::BIG_INT => Err(wrong(node, "an integer")),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let node = self.next()?;
        match node.tag {
            tag::STR | tag::STR_REF => {
                visitor.visit_enum(BorrowedStrDeserializer::new(self.text(node)?))
            }
            tag::MAP if node.len == 1 => {
                let outer = self.enter(node)?;
                let value = visitor.visit_enum(Variant(self))?;
                self.leave(outer)?;
                Ok(value)
            }
            tag::MAP => Err(Fault::new("expected a dict with one key, the variant's name")),
            _ => Err(wrong(node, "a string or a dict with one key")),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { char bytes byte_buf unit unit_struct identifier }
}

/// The items of a list that are still to be read.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
    len: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        let index = self.len - self.left;
        self.left -= 1;
        let value = seed.deserialize(&mut *self.reader).map_err(|fault| fault.at_index(index))?;
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The pairs of a map that are still to be read.
struct Pairs<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
    /// The last key that was read, for the path of an error.
    key: &'de str,
}

impl<'de> MapAccess<'de> for &mut Pairs<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.key = key(self.reader)?;
        seed.deserialize(BorrowedStrDeserializer::new(self.key)).map(Some)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        seed.deserialize(&mut *self.reader).map_err(|fault| fault.at_key(self.key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

#[inline]
fn key<'de>(reader: &mut Reader<'de>) -> Result<&'de str> {
    let node = reader.next()?;
    match node.tag {
        tag::STR | tag::STR_REF => reader.text(node),
        _ => Err(Fault::malformed("a key that is not a text")),
    }
}

/// A variant with content: a map with one pair.
struct Variant<'r, 'de>(&'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        let name = key(self.0)?;
        Ok((seed.deserialize(BorrowedStrDeserializer::<Fault>::new(name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<()> {
        Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.0.deserialize_map(visitor)
    }
}

/// A tuple, a big integer or a packed array, for a [`crate::Value`]: the node's kind as the
/// variant's name.
struct Exact<'r, 'de>(&'r mut Reader<'de>);

impl<'r, 'de> EnumAccess<'de> for Exact<'r, 'de> {
    type Error = Fault;
    type Variant = Variant<'r, 'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant)> {
        let node = self.0.peek()?;
        let name = match (node.tag, self.0.packed(node)?) {
            (_, Some((element, _))) => element.name(),
            (tag::TUPLE, _) => magic::TUPLE,
            _ => magic::BIG_INT,
        };
        Ok((seed.deserialize(BorrowedStrDeserializer::<Fault>::new(name))?, Variant(self.0)))
    }
}
