//! The types of numbers in packed arrays, and single numbers of them.

use zerepy_plugin_abi::{Node, element, tag};

/// Why a number can be taken out of its bytes.
const WHOLE: &str = "as many bytes as its type has";

/// The type of a packed array's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(u8);

impl Element {
    /// The type with that letter of Python's `struct`, in the ABI's choice of letters.
    #[must_use]
    pub const fn from_letter(letter: u8) -> Option<Self> {
        let known = Self(letter);
        if known.size_or_zero() == 0 { None } else { Some(known) }
    }

    /// The letter that Python's `struct` has for it.
    #[must_use]
    pub const fn letter(self) -> u8 {
        self.0
    }

    /// Bytes of one number.
    #[must_use]
    pub const fn size(self) -> usize {
        self.size_or_zero()
    }

    const fn size_or_zero(self) -> usize {
        match self.0 {
            element::BOOL | element::I8 | element::U8 => 1,
            element::I16 | element::U16 => 2,
            element::I32 | element::U32 | element::F32 => 4,
            element::I64 | element::U64 | element::F64 => 8,
            _ => 0,
        }
    }

    /// The element of a packed node, if it is one.
    #[inline]
    pub(super) fn of(node: Node) -> Option<Self> {
        let kind = node.tag & tag::MASK;
        if kind != tag::PACKED && kind != tag::PACKED_REF {
            return None;
        }
        u8::try_from(node.tag >> tag::ELEMENT_SHIFT).ok().and_then(Self::from_letter)
    }

    /// The tag of a node of that kind.
    #[inline]
    pub(super) const fn tag(self, kind: u32) -> u32 {
        kind | (self.0 as u32) << tag::ELEMENT_SHIFT
    }

    /// One number, as the node it has when it stands alone.
    pub(super) fn scalar(self, bytes: &[u8]) -> Node {
        let node = |tag, value| Node { tag, len: 0, value };
        let int = |number: i64| node(tag::INT, number.cast_unsigned());
        macro_rules! number {
            ($type:ty) => {
                <$type>::from_ne_bytes(*bytes.first_chunk().expect(WHOLE))
            };
        }
        match self.0 {
            element::BOOL => node(if bytes[0] == 0 { tag::FALSE } else { tag::TRUE }, 0),
            element::I8 => int(number!(i8).into()),
            element::U8 => int(number!(u8).into()),
            element::I16 => int(number!(i16).into()),
            element::U16 => int(number!(u16).into()),
            element::I32 => int(number!(i32).into()),
            element::U32 => int(number!(u32).into()),
            element::I64 => int(number!(i64)),
            element::U64 => {
                let number = number!(u64);
                let fits = i64::try_from(number).is_ok();
                node(if fits { tag::INT } else { tag::UINT }, number)
            }
            element::F32 => node(tag::FLOAT, f64::from(number!(f32)).to_bits()),
            _ => node(tag::FLOAT, number!(u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_alone_as_they_were() {
        let scalar = |letter, bytes: &[u8]| Element::from_letter(letter).unwrap().scalar(bytes);
        let is = |node: Node, tag, value| assert_eq!((node.tag, node.value), (tag, value));
        is(scalar(element::BOOL, &[2]), tag::TRUE, 0);
        is(scalar(element::I8, &[0xff]), tag::INT, u64::MAX);
        is(scalar(element::U16, &[0xff, 0xff]), tag::INT, 0xffff);
        is(scalar(element::U64, &[0xff; 8]), tag::UINT, u64::MAX);
        is(scalar(element::U64, &1_u64.to_ne_bytes()), tag::INT, 1);
        is(scalar(element::F32, &0.5_f32.to_ne_bytes()), tag::FLOAT, 0.5_f64.to_bits());
        let nan = 0x7ff0_0000_0000_0001_u64;
        is(scalar(element::F64, &nan.to_ne_bytes()), tag::FLOAT, nan);
    }

    #[test]
    fn other_letters_are_none() {
        for letter in [0, b'e', b'l', b'c', b'P', 255] {
            assert_eq!(Element::from_letter(letter), None);
        }
    }
}
