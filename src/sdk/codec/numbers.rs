//! The numbers of a packed array one by one, for types that are made of single values.

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::Fault;
use super::read::exact_float;
use crate::packed::Element;

/// Why a number can be taken out of its bytes.
const WHOLE: &str = "as many bytes as its type has";

type Result<T> = std::result::Result<T, Fault>;

/// The numbers that are still to be read.
pub(super) struct Numbers<'de> {
    element: Element,
    rest: &'de [u8],
    index: usize,
}

impl<'de> Numbers<'de> {
    pub(super) fn new(element: Element, bytes: &'de [u8]) -> Self {
        Self { element, rest: bytes, index: 0 }
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len() / self.element.size()
    }
}

impl<'de> SeqAccess<'de> for &mut Numbers<'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some((bytes, rest)) = self.rest.split_at_checked(self.element.size()) else {
            return Ok(None);
        };
        self.rest = rest;
        let index = self.index;
        self.index += 1;
        match seed.deserialize(Number::of(self.element, bytes)) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => Err(fault.at_index(index)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left())
    }
}

/// One number.
#[derive(Clone, Copy)]
enum Number {
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
}

impl Number {
    #[inline]
    fn of(element: Element, bytes: &[u8]) -> Self {
        macro_rules! number {
            ($type:ty) => {
                <$type>::from_ne_bytes(*bytes.first_chunk().expect(WHOLE))
            };
        }
        match element {
            Element::Bool => Self::Bool(bytes[0] != 0),
            Element::I8 => Self::Int(number!(i8).into()),
            Element::U8 => Self::Int(number!(u8).into()),
            Element::I16 => Self::Int(number!(i16).into()),
            Element::U16 => Self::Int(number!(u16).into()),
            Element::I32 => Self::Int(number!(i32).into()),
            Element::U32 => Self::Int(number!(u32).into()),
            Element::I64 => Self::Int(number!(i64)),
            Element::U64 => {
                let number = number!(u64);
                i64::try_from(number).map_or(Self::UInt(number), Self::Int)
            }
            Element::F32 => Self::Float(number!(f32).into()),
            Element::F64 => Self::Float(number!(f64)),
        }
    }

    /// As where a float is wanted: an integer counts if there is a float that is it.
    fn as_float(self) -> Result<Self> {
        match self {
            Self::Int(number) => exact_float(number).map(Self::Float),
            Self::UInt(number) => {
                Err(Fault::new(format!("expected a float, got the integer {number}")))
            }
            other => Ok(other),
        }
    }
}

impl<'de> Deserializer<'de> for Number {
    type Error = Fault;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Int(number) => visitor.visit_i64(number),
            Self::UInt(number) => visitor.visit_u64(number),
            Self::Float(number) => visitor.visit_f64(number),
        }
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Self::Float(number) => visitor.visit_f64(number),
            other => other.as_float()?.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.as_float()? {
            Self::Float(number) if number.is_finite() && number.abs() > f64::from(f32::MAX) => {
                Err(Fault::new(format!("expected a 32-bit float, got {number}")))
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
