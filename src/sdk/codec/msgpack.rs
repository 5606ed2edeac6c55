//! Tapes as MessagePack and back. The host has the same in `native/tape/msgpack.rs`, and tests hold
//! one against the other.

use rmp::{Marker, encode};
use zerepy_plugin_abi::{MAX_DEPTH, Node, ext, tag};

use super::Fault;
use super::tape::Reader;
use super::write::Payload;
use crate::packed::{Array, Element};
use crate::{BigInt, Value};

type Result<T> = std::result::Result<T, Fault>;

/// Why writing cannot fail.
const GROWS: &str = "memory takes whatever is written";

/// Writes the value of `payload`.
pub(crate) fn to_msgpack(payload: &Payload) -> Result<Vec<u8>> {
    let (mut reader, mut out) = (payload.tape().reader(), Vec::new());
    while let Ok(node) = reader.next() {
        write(&reader, node, &mut out)?;
    }
    Ok(out)
}

/// Pre-order is MessagePack's order too, so that one node after the other is written.
fn write(reader: &Reader<'_>, node: Node, out: &mut Vec<u8>) -> Result<()> {
    let number = node.value;
    match node.tag {
        tag::NULL => encode::write_nil(out).expect(GROWS),
        tag::FALSE | tag::TRUE => encode::write_bool(out, node.tag == tag::TRUE).expect(GROWS),
        tag::INT => drop(encode::write_sint(out, number.cast_signed()).expect(GROWS)),
        tag::UINT => drop(encode::write_uint(out, number).expect(GROWS)),
        tag::FLOAT => encode::write_f64(out, f64::from_bits(number)).expect(GROWS),
        tag::LIST | tag::TUPLE => drop(encode::write_array_len(out, node.len).expect(GROWS)),
        tag::MAP => drop(encode::write_map_len(out, node.len).expect(GROWS)),
        tag::STR => {
            encode::write_str_len(out, node.len).expect(GROWS);
            out.extend_from_slice(reader.bytes(node)?);
        }
        tag::BYTES => encode::write_bin(out, reader.bytes(node)?).expect(GROWS),
        tag::BIGINT => {
            encode::write_ext_meta(out, node.len, ext::BIGINT).expect(GROWS);
            out.extend_from_slice(reader.bytes(node)?);
        }
        _ => {
            let (element, numbers) =
                reader.packed(node)?.ok_or_else(|| Fault::malformed("an unknown kind of node"))?;
            let len = u32::try_from(numbers.len() + 1)
                .map_err(|_| Fault::new("more than 4 GiB of numbers in one piece"))?;
            encode::write_ext_meta(out, len, ext::PACKED).expect(GROWS);
            out.push(element.letter());
            out.extend(in_order(numbers.to_vec(), element));
        }
    }
    Ok(())
}

/// Turns numbers as this machine has them into little endian ones, or back.
fn in_order(mut numbers: Vec<u8>, element: Element) -> Vec<u8> {
    if cfg!(target_endian = "big") {
        numbers.chunks_exact_mut(element.size()).for_each(<[u8]>::reverse);
    }
    numbers
}

/// Reads the one value that `bytes` hold.
pub(crate) fn from_msgpack(bytes: &[u8]) -> Result<Value> {
    let mut input = Input { rest: bytes, depth: 0 };
    let value = input.value()?;
    if input.rest.is_empty() { Ok(value) } else { Err(broken("bytes after the value")) }
}

#[cold]
fn broken(why: &str) -> Fault {
    Fault::new(format!("broken MessagePack: {why}"))
}

struct Input<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Input<'a> {
    fn value(&mut self) -> Result<Value> {
        let marker = self.marker()?;
        let int = |number: i64| Ok(Value::Int(number));
        match marker {
            Marker::Null => Ok(Value::Null),
            Marker::False => Ok(Value::Bool(false)),
            Marker::True => Ok(Value::Bool(true)),
            Marker::F32 => Ok(Value::Float(f32::from_be_bytes(self.array()?).into())),
            Marker::F64 => Ok(Value::Float(f64::from_be_bytes(self.array()?))),
            Marker::FixPos(number) => int(number.into()),
            Marker::FixNeg(number) => int(number.into()),
            Marker::U8 => int(u8::from_be_bytes(self.array()?).into()),
            Marker::U16 => int(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => int(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => {
                let number = u64::from_be_bytes(self.array()?);
                Ok(i64::try_from(number).map_or(Value::UInt(number), Value::Int))
            }
            Marker::I8 => int(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => int(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => int(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => int(i64::from_be_bytes(self.array()?)),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                let len = self.len(marker)?;
                Ok(Value::Bytes(self.take(len)?.to_vec()))
            }
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => self.list(marker),
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => self.map(marker),
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                self.text(marker).map(Value::Str)
            }
            _ => self.extension(marker),
        }
    }

    fn list(&mut self, marker: Marker) -> Result<Value> {
        let len = self.enter(marker, 1)?;
        let items = (0..len).map(|at| self.value().map_err(|fault| fault.at_index(at)));
        let items = items.collect::<Result<_>>()?;
        self.depth -= 1;
        Ok(Value::List(items))
    }

    fn map(&mut self, marker: Marker) -> Result<Value> {
        let len = self.enter(marker, 2)?;
        let pairs = (0..len).map(|_| {
            let marker = self.marker()?;
            let key = self.text(marker)?;
            let value = self.value().map_err(|fault| fault.at_key(&key))?;
            Ok((key, value))
        });
        let pairs = pairs.collect::<Result<_>>()?;
        self.depth -= 1;
        Ok(Value::Map(pairs))
    }

    fn extension(&mut self, marker: Marker) -> Result<Value> {
        let len = self.len(marker)?;
        let [kind] = self.array()?;
        let content = self.take(len)?;
        match (i8::from_ne_bytes([kind]), content) {
            (ext::BIGINT, _) => Ok(Value::BigInt(BigInt::from_le_bytes(content.to_vec()))),
            (ext::PACKED, [letter, numbers @ ..]) => Element::from_letter(*letter)
                .and_then(|of| Array::from_ne_bytes(of, in_order(numbers.to_vec(), of)))
                .map(Value::Array)
                .ok_or_else(|| broken("a packed array that is not of whole numbers")),
            _ => Err(broken("an extension type that values do not use")),
        }
    }

    /// The text whose marker was just read.
    fn text(&mut self, marker: Marker) -> Result<String> {
        let texts = [Marker::Str8, Marker::Str16, Marker::Str32];
        if !matches!(marker, Marker::FixStr(_)) && !texts.contains(&marker) {
            return Err(broken("a key that is not a text"));
        }
        let len = self.len(marker)?;
        String::from_utf8(self.take(len)?.to_vec()).map_err(|_| broken("a text that is not UTF-8"))
    }

    /// Goes into a container; how many items it has: no more than there are bytes for.
    fn enter(&mut self, marker: Marker, bytes_each: usize) -> Result<usize> {
        let len = self.len(marker)?;
        if len > self.rest.len() / bytes_each {
            return Err(broken("a container with fewer items than it says"));
        }
        if self.depth == MAX_DEPTH {
            return Err(Fault::new(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        Ok(len)
    }

    /// The length that belongs to the marker.
    fn len(&mut self, marker: Marker) -> Result<usize> {
        Ok(match marker {
            Marker::FixStr(len) | Marker::FixArray(len) | Marker::FixMap(len) => len.into(),
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Str8 | Marker::Bin8 | Marker::Ext8 => u8::from_be_bytes(self.array()?).into(),
            Marker::Str16 | Marker::Bin16 | Marker::Ext16 | Marker::Array16 | Marker::Map16 => {
                u16::from_be_bytes(self.array()?).into()
            }
            Marker::Str32 | Marker::Bin32 | Marker::Ext32 | Marker::Array32 | Marker::Map32 => {
                u32::from_be_bytes(self.array()?) as usize
            }
            _ => return Err(broken("a byte that MessagePack does not use")),
        })
    }

    fn marker(&mut self) -> Result<Marker> {
        let [byte] = self.array()?;
        Ok(Marker::from_u8(byte))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(std::array::from_fn(|at| bytes[at]))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let cut = self.rest.split_at_checked(len);
        let (taken, rest) = cut.ok_or_else(|| broken("it ends within a value"))?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msgpack::{from_slice, to_vec};
    use crate::{Bytes, Packed};

    #[test]
    fn values_come_back() {
        let array = Array::from_ne_bytes(Element::I16, vec![1, 2, 3, 4]).unwrap();
        let value = Value::Map(vec![
            ("a".into(), Value::List(vec![Value::Null, Value::Bool(true), Value::Int(-200)])),
            ("b".into(), Value::BigInt(BigInt::from_le_bytes(vec![0x7f; 40]))),
            ("c".into(), Value::Array(array)),
            ("d".into(), Value::Str("ä".repeat(40_000))),
            ("e".into(), Value::UInt(u64::MAX)),
            ("f".into(), Value::Float(-0.5)),
        ]);
        assert_eq!(from_slice::<Value>(&to_vec(&value).unwrap()).unwrap(), value);
        let typed = (Bytes(vec![0; 300]), Packed(vec![1.5_f32]), Some(u128::MAX));
        assert_eq!(
            from_slice::<(Bytes, Packed<f32>, Option<u128>)>(&to_vec(&typed).unwrap()).unwrap(),
            typed
        );
    }

    #[test]
    fn what_is_broken_is_told() {
        let why = |bytes: &[u8]| from_slice::<Value>(bytes).unwrap_err().message().to_owned();
        assert_eq!(
            why(b"\x92\x01\x91\xc1"),
            "value[1][0]: broken MessagePack: a byte that MessagePack does not use"
        );
        assert_eq!(
            why(b"\x81\xa1k\xa1\xff"),
            "value.k: broken MessagePack: a text that is not UTF-8"
        );
        for (bytes, expected) in [
            (&b""[..], "ends within"),
            (b"\xc0\xc0", "bytes after"),
            (b"\xdd\xff\xff\xff\xff", "fewer items"),
            (b"\xdb\xff\xff\xff\xff", "ends within"),
            (b"\x81\x01\x01", "a key that is not a text"),
            (b"\xd4\xff\x01", "an extension type"),
            (b"\xd5\x02d\x01", "not of whole numbers"),
        ] {
            assert!(why(bytes).contains(expected), "{}", why(bytes));
        }
        let deep = [0x91].repeat(MAX_DEPTH + 1);
        assert!(why(&[deep, vec![0xc0]].concat()).contains("nested deeper than 128"));
        assert!(from_slice::<u8>(b"\xa1x").unwrap_err().message().contains("expected an integer"));
        assert!(to_vec(&std::collections::BTreeMap::from([(1, 2)])).is_err());
    }
}
