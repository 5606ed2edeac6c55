//! Any value that can cross the border, kept exactly; and what serde's data model has no word for.
//!
//! Serde knows neither integers beyond 128 bits nor packed arrays, nor the difference between a list
//! and a tuple of unknown length. They pass through it under the names in [`magic`], which only our codec knows;
//! with any other format a [`Value`] still works, as far as that format goes.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::ser::{Serialize, SerializeMap, SerializeTuple, Serializer};

use crate::packed::{Array, Element};

/// The names under which the codec is asked for more than serde's data model has.
pub(crate) mod magic {
    /// A newtype struct: a [`super::Value`].
    pub(crate) const VALUE: &str = "$zerepy_plugin::Value";
    /// A newtype struct: a [`super::BigInt`], its bytes inside.
    pub(crate) const BIG_INT: &str = "$zerepy_plugin::BigInt";
    /// A variant of a `Value`: a tuple.
    pub(crate) const TUPLE: &str = "tuple";

    /// Newtype structs, and variants of a `Value`: packed arrays, by the letter of their element.
    pub(crate) mod array {
        /// What all begin with.
        pub(crate) const PREFIX: &str = "$zerepy_plugin::Packed.";
        pub(crate) const BOOL: &str = "$zerepy_plugin::Packed.?";
        pub(crate) const I8: &str = "$zerepy_plugin::Packed.b";
        pub(crate) const U8: &str = "$zerepy_plugin::Packed.B";
        pub(crate) const I16: &str = "$zerepy_plugin::Packed.h";
        pub(crate) const U16: &str = "$zerepy_plugin::Packed.H";
        pub(crate) const I32: &str = "$zerepy_plugin::Packed.i";
        pub(crate) const U32: &str = "$zerepy_plugin::Packed.I";
        pub(crate) const I64: &str = "$zerepy_plugin::Packed.q";
        pub(crate) const U64: &str = "$zerepy_plugin::Packed.Q";
        pub(crate) const F32: &str = "$zerepy_plugin::Packed.f";
        pub(crate) const F64: &str = "$zerepy_plugin::Packed.d";
    }
}

/// Any value. What comes in goes out bit for bit, also as part of a larger type.
///
/// (Where serde buffers, in `flatten` and in untagged enums, a tuple becomes a list.)
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// Python's `None`.
    #[default]
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer above [`i64::MAX`] that still has 64 bits.
    UInt(u64),
    /// An integer of any size.
    BigInt(BigInt),
    /// A float.
    Float(f64),
    /// A text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Numbers of one type, side by side.
    Array(Array),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A map, in its own order.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The value at `key`, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// An integer of any size, such as an amount of wei: two's complement, little endian.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct BigInt(Vec<u8>);

impl BigInt {
    /// Takes two's complement, little endian; no bytes are 0.
    #[must_use]
    pub fn from_le_bytes(mut bytes: Vec<u8>) -> Self {
        bytes.truncate(significant(&bytes));
        Self(bytes)
    }

    /// The two's complement, little endian, as short as it can be; at least one byte unless it is 0.
    #[must_use]
    pub fn as_le_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The integer, if it has no more than 128 bits.
    #[must_use]
    pub fn to_i128(&self) -> Option<i128> {
        to_i128(&self.0)
    }
}

impl From<i128> for BigInt {
    fn from(number: i128) -> Self {
        Self::from_le_bytes(number.to_le_bytes().to_vec())
    }
}

/// How many of the bytes are needed: the rest only repeats the sign.
pub(crate) fn significant(bytes: &[u8]) -> usize {
    let mut len = bytes.len();
    while len > 0 {
        let sign = if len > 1 && bytes[len - 2] >= 0x80 { 0xff } else { 0 };
        if bytes[len - 1] != sign {
            break;
        }
        len -= 1;
    }
    len
}

/// The integer of those bytes, if it has no more than 128 bits.
pub(crate) fn to_i128(bytes: &[u8]) -> Option<i128> {
    let bytes = &bytes[..significant(bytes)];
    let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
    let mut all = [if negative { 0xff } else { 0 }; 16];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i128::from_le_bytes(all))
}

/// Bytes that cross as Python's `bytes`; a `Vec<u8>` is a list of numbers to serde.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor).map(Self)
    }
}

/// Asks for a packed array's bytes.
struct BytesOf(Element);

impl<'de> DeserializeSeed<'de> for BytesOf {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_newtype_struct(self.0.name(), BytesVisitor)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

impl Serialize for BigInt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(magic::BIG_INT, &BytesRef(&self.0))
    }
}

/// Lent bytes that are not a list of numbers.
pub(crate) struct BytesRef<'a>(pub(crate) &'a [u8]);

impl Serialize for BytesRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de> Deserialize<'de> for BigInt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(magic::BIG_INT, BigIntVisitor)
    }
}

struct BigIntVisitor;

impl<'de> Visitor<'de> for BigIntVisitor {
    type Value = BigInt;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<BigInt, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<BigInt, E> {
        Ok(BigInt::from_le_bytes(bytes.to_vec()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<BigInt, E> {
        Ok(BigInt::from(i128::from(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<BigInt, E> {
        Ok(BigInt::from(i128::from(number)))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::UInt(number) => serializer.serialize_u64(*number),
            Self::BigInt(number) => number.serialize(serializer),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Array(array) => array.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Tuple(items) => {
                let mut tuple = serializer.serialize_tuple(items.len())?;
                items.iter().try_for_each(|item| tuple.serialize_element(item))?;
                tuple.end()
            }
            Self::Map(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                pairs.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(magic::VALUE, ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    /// What serde has no word for; only our codec comes here.
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let (kind, inner) = access.variant::<&str>()?;
        if kind == magic::TUPLE {
            let items = inner.newtype_variant::<Vec<Value>>()?;
            return Ok(Value::Tuple(items));
        }
        let Some(element) = Element::from_name(kind) else {
            return inner.newtype_variant().map(Value::BigInt);
        };
        let bytes = inner.newtype_variant_seed(BytesOf(element))?;
        Array::from_ne_bytes(element, bytes)
            .map(Value::Array)
            .ok_or_else(|| serde::de::Error::custom("an array that is not of whole numbers"))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::UInt(number), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Str(text.to_owned()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(PREALLOCATED));
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(0).min(PREALLOCATED));
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Value::Map(pairs))
    }
}

/// No more items than this are believed before they were seen.
const PREALLOCATED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_integers_are_as_short_as_they_can_be() {
        for number in [0, 1, -1, 127, 128, -128, -129, 255, 256, i128::MAX, i128::MIN] {
            assert_eq!(BigInt::from(number).to_i128(), Some(number));
        }
        assert_eq!(BigInt::from(0).as_le_bytes(), b"");
        assert_eq!(BigInt::from(-1).as_le_bytes(), b"\xff");
        assert_eq!(BigInt::from(128).as_le_bytes(), b"\x80\0");
        assert_eq!(BigInt::from_le_bytes(vec![1; 17]).to_i128(), None);
    }

    #[test]
    fn other_formats_read_values_too() {
        let value: Value = serde_json::from_str(r#"{"a": [1, null, "x", 1.5]}"#).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":[1,null,"x",1.5]}"#);
        assert_eq!(value.get("b"), None);
    }
}
