//! Arrays of numbers that cross side by side, without a value for each: from and to whatever has
//! Python's buffer protocol, such as arrays of numpy.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use zerepy_plugin_abi::element;

use crate::value::{BytesRef, magic};

/// A number type of packed arrays: the integers of 8 to 64 bits, `f32` and `f64`.
pub trait Number: Copy + Default + for<'de> Deserialize<'de> + sealed::Plain + 'static {
    /// What the array is called, for the codec.
    #[doc(hidden)]
    const NAME: &'static str;
}

mod sealed {
    /// # Safety
    /// Any bytes are one, and there is no padding.
    pub unsafe trait Plain {}
}

macro_rules! numbers {
    ($($type:ident $name:ident)+) => {
        $(
            // SAFETY: that is so for the primitive numbers.
            unsafe impl sealed::Plain for $type {}
            impl Number for $type {
                const NAME: &'static str = magic::array::$name;
            }
        )+
    };
}

numbers! { i8 I8 u8 U8 i16 I16 u16 U16 i32 I32 u32 U32 i64 I64 u64 U64 f32 F32 f64 F64 }

/// An array of numbers that crosses packed; it also takes a list. Python gets a `memoryview`.
///
/// With formats other than this crate's it is bytes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Packed<T>(pub Vec<T>);

/// An array of numbers as [`Packed`], borrowed where that is possible: from parameters with numbers of
/// this type.
///
/// ```
/// use serde::Deserialize;
/// use zerepy_plugin::{PackedRef, Schema};
///
/// #[derive(Deserialize, Schema)]
/// struct Samples<'a> {
///     #[serde(borrow)]
///     values: PackedRef<'a, f64>,
/// }
///
/// fn loudest(samples: &Samples<'_>) -> f64 {
///     samples.values.iter().fold(0.0, |most, sample| most.max(sample.abs()))
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PackedRef<'a, T: Clone>(pub Cow<'a, [T]>);

impl<T> Deref for Packed<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Clone> Deref for PackedRef<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Number> Serialize for Packed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(T::NAME, &BytesRef(bytes_of(&self.0)))
    }
}

impl<T: Number> Serialize for PackedRef<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(T::NAME, &BytesRef(bytes_of(&self.0)))
    }
}

impl<'de, T: Number> Deserialize<'de> for Packed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = PackedRef::deserialize(deserializer)?;
        Ok(Self(numbers.0.into_owned()))
    }
}

impl<'de: 'a, 'a, T: Number> Deserialize<'de> for PackedRef<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(T::NAME, NumbersVisitor(PhantomData)).map(Self)
    }
}

/// Takes numbers side by side, or whatever is a list of them.
struct NumbersVisitor<T>(PhantomData<T>);

impl<'de, T: Number> Visitor<'de> for NumbersVisitor<T> {
    type Value = Cow<'de, [T]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers")
    }

    fn visit_borrowed_bytes<E: serde::de::Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        // SAFETY: any bytes are numbers.
        let (before, numbers, after) = unsafe { bytes.align_to() };
        if before.is_empty() && after.is_empty() {
            return Ok(Cow::Borrowed(numbers));
        }
        self.visit_bytes(bytes)
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        let mut numbers = vec![T::default(); bytes.len() / size_of::<T>()];
        let len = size_of_val(&*numbers);
        // SAFETY: the numbers are bytes without padding, and any bytes are numbers.
        let room =
            unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast::<u8>(), len) };
        room.copy_from_slice(&bytes[..len]);
        Ok(Cow::Owned(numbers))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, list: D) -> Result<Self::Value, D::Error> {
        Vec::deserialize(list).map(Cow::Owned)
    }
}

fn bytes_of<T: Number>(numbers: &[T]) -> &[u8] {
    // SAFETY: numbers are bytes without padding.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// The type of an [`Array`]'s numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// A bool in a byte, which is `False` if it is 0.
    Bool,
    /// `i8`.
    I8,
    /// `u8`.
    U8,
    /// `i16`.
    I16,
    /// `u16`.
    U16,
    /// `i32`.
    I32,
    /// `u32`.
    U32,
    /// `i64`.
    I64,
    /// `u64`.
    U64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
}

impl Element {
    const ALL: [(Self, u8, &str); 11] = [
        (Self::Bool, element::BOOL, magic::array::BOOL),
        (Self::I8, element::I8, magic::array::I8),
        (Self::U8, element::U8, magic::array::U8),
        (Self::I16, element::I16, magic::array::I16),
        (Self::U16, element::U16, magic::array::U16),
        (Self::I32, element::I32, magic::array::I32),
        (Self::U32, element::U32, magic::array::U32),
        (Self::I64, element::I64, magic::array::I64),
        (Self::U64, element::U64, magic::array::U64),
        (Self::F32, element::F32, magic::array::F32),
        (Self::F64, element::F64, magic::array::F64),
    ];

    /// Bytes of one number.
    #[must_use]
    #[inline]
    pub const fn size(self) -> usize {
        self.bytes() as usize
    }

    /// The same, for a node.
    #[inline]
    pub(crate) const fn bytes(self) -> u32 {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    pub(crate) fn letter(self) -> u8 {
        Self::ALL[self as usize].1
    }

    /// What an array of it is called, for the codec.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self as usize].2
    }

    pub(crate) fn from_letter(letter: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == letter).map(|(element, ..)| *element)
    }

    /// The element of the array of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        name.strip_prefix(magic::array::PREFIX)
            .and_then(|letter| Self::from_letter(*letter.as_bytes().first()?))
    }
}

/// A packed array of any kind of numbers, as part of a [`crate::Value`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Array {
    element: Element,
    bytes: Vec<u8>,
}

impl Array {
    /// Takes numbers as this machine has them in memory; `None` if they are not whole.
    #[must_use]
    pub fn from_ne_bytes(element: Element, bytes: Vec<u8>) -> Option<Self> {
        bytes.len().is_multiple_of(element.size()).then_some(Self { element, bytes })
    }

    /// What it is of.
    #[must_use]
    pub const fn element(&self) -> Element {
        self.element
    }

    /// The numbers as this machine has them in memory.
    #[must_use]
    pub fn as_ne_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Serialize for Array {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(self.element.name(), &BytesRef(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::codec::Payload;

    fn payload(value: &impl Serialize) -> Payload {
        Payload::encode(value).unwrap()
    }

    #[test]
    fn numbers_come_back_bit_for_bit() {
        let bits = [0x7ff0_0000_0000_0001, 1 << 63, 5].map(f64::from_bits);
        // What stands before it must not move it to where it is not aligned.
        let sent = payload(&("x", Packed(bits.to_vec())));
        let (_, back): (&str, PackedRef<'_, f64>) = sent.tape().decode().unwrap();
        assert!(matches!(back.0, Cow::Borrowed(_)));
        assert_eq!(back.map_bits(), bits.map(f64::to_bits));
        let (_, owned): (String, Packed<f64>) = sent.tape().decode().unwrap();
        assert_eq!(owned.len(), 3);
    }

    impl PackedRef<'_, f64> {
        fn map_bits(&self) -> Vec<u64> {
            self.iter().map(|number| number.to_bits()).collect()
        }
    }

    #[test]
    fn lists_and_arrays_of_other_types_are_taken_exactly() {
        let packed = |value: &Payload| value.tape().decode::<Packed<i16>>();
        assert_eq!(packed(&payload(&[1, -1])).unwrap().0, [1, -1]);
        assert_eq!(packed(&payload(&Packed(vec![1_u8, 2]))).unwrap().0, [1, 2]);
        assert_eq!(packed(&payload(&Packed(Vec::<f64>::new()))).unwrap().0, [0_i16; 0]);
        for wrong in [
            payload(&Packed(vec![0.5_f32])),
            payload(&Packed(vec![40_000])),
            payload(&crate::Bytes(vec![1, 2])),
            payload(&"text"),
        ] {
            packed(&wrong).unwrap_err();
        }
        let bytes = payload(&crate::Bytes(vec![1, 2]));
        assert_eq!(bytes.tape().decode::<Packed<u8>>().unwrap().0, [1, 2]);
        payload(&Packed(vec![1.0])).tape().decode::<crate::Bytes>().unwrap_err();
    }

    #[test]
    fn single_values_are_read_out_of_arrays() {
        let array = payload(&Packed(vec![1_u64, u64::MAX]));
        assert_eq!(array.tape().decode::<Vec<u64>>().unwrap(), [1, u64::MAX]);
        assert_eq!(
            array.tape().decode::<(u8, Option<i128>)>().unwrap(),
            (1, Some(u64::MAX.into()))
        );
        assert_eq!(
            array.tape().decode::<Vec<Value>>().unwrap(),
            [Value::Int(1), Value::UInt(u64::MAX)]
        );
        let fault = array.tape().decode::<Vec<f64>>().unwrap_err();
        assert!(fault.to_string().starts_with("[1]: "), "{fault}");
        array.tape().decode::<[u64; 3]>().unwrap_err();
        let floats = payload(&Packed(vec![1e300]));
        floats.tape().decode::<Vec<f32>>().unwrap_err();
        assert_eq!(payload(&Packed(vec![2_i8])).tape().decode::<Vec<f32>>().unwrap(), [2.0]);
    }

    #[test]
    fn values_keep_arrays_of_every_type() {
        for (element, letter, name) in Element::ALL {
            assert_eq!((element.letter(), element.name()), (letter, name));
            assert_eq!(Element::from_name(name), Some(element));
            let array = Array::from_ne_bytes(element, vec![1; 2 * element.size()]).unwrap();
            let value = Value::List(vec![Value::Array(array), Value::Null]);
            assert_eq!(payload(&value).tape().decode::<Value>().unwrap(), value);
        }
        assert_eq!(Array::from_ne_bytes(Element::F64, vec![0; 9]), None);
    }

    #[test]
    fn what_is_not_aligned_is_copied() {
        let bytes = [0_u8, 1, 0, 2, 0, 0, 0];
        let start = usize::from(bytes.as_ptr().addr().is_multiple_of(2));
        let numbers = NumbersVisitor::<u16>(PhantomData);
        let read =
            numbers.visit_borrowed_bytes::<serde::de::value::Error>(&bytes[start..start + 4]);
        assert!(matches!(read.unwrap(), Cow::Owned(numbers) if numbers.len() == 2));
    }
}
