//! Tapes as MessagePack, for libraries that declare it as their encoding, and back.
//!
//! Exact but for tuples, which become arrays; what an array comes back as is a list. The extension
//! types are the ABI's.

use rmp::{Marker, encode};
use zerepy_plugin_abi::{Node, ext, tag};

use super::{Element, Tape, TapeError, TapeView};

type Result<T> = std::result::Result<T, TapeError>;

/// Why writing cannot fail.
const GROWS: &str = "memory takes whatever is written";

/// Writes the one value of `view`.
pub(crate) fn to_msgpack(view: TapeView<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for index in 0..view.node_count() {
        write(view, view.node(index)?, &mut out)?;
    }
    Ok(out)
}

/// Pre-order is MessagePack's order too, so that one node after the other is written.
fn write(view: TapeView<'_>, node: Node, out: &mut Vec<u8>) -> Result<()> {
    let number = node.value;
    match node.tag {
        tag::NULL => encode::write_nil(out).expect(GROWS),
        tag::FALSE | tag::TRUE => encode::write_bool(out, node.tag == tag::TRUE).expect(GROWS),
        tag::INT => drop(encode::write_sint(out, number.cast_signed()).expect(GROWS)),
        tag::UINT => drop(encode::write_uint(out, number).expect(GROWS)),
        tag::FLOAT => encode::write_f64(out, f64::from_bits(number)).expect(GROWS),
        tag::STR => write_bytes(encode::write_str_len(out, node.len), view.bytes(node)?, out),
        tag::BYTES => write_bytes(encode::write_bin_len(out, node.len), view.bytes(node)?, out),
        tag::BIGINT => {
            let meta = encode::write_ext_meta(out, node.len, ext::BIGINT);
            write_bytes(meta, view.bytes(node)?, out);
        }
        tag::LIST | tag::TUPLE => drop(encode::write_array_len(out, node.len).expect(GROWS)),
        tag::MAP => drop(encode::write_map_len(out, node.len).expect(GROWS)),
        _ => write_packed(view, node, out)?,
    }
    Ok(())
}

/// What follows the header that was written.
fn write_bytes<T, E: std::fmt::Debug>(
    header: std::result::Result<T, E>,
    bytes: &[u8],
    out: &mut Vec<u8>,
) {
    header.expect(GROWS);
    out.extend_from_slice(bytes);
}

fn write_packed(view: TapeView<'_>, node: Node, out: &mut Vec<u8>) -> Result<()> {
    let (element, numbers) = view.packed(node)?;
    let len = numbers.len() + 1;
    let len = u32::try_from(len).map_err(|_| TapeError::TooLong(len))?;
    encode::write_ext_meta(out, len, ext::PACKED).expect(GROWS);
    out.push(element.letter());
    let start = out.len();
    out.extend_from_slice(numbers);
    in_order(&mut out[start..], element);
    Ok(())
}

/// Turns numbers as this machine has them into little endian ones, or back.
fn in_order(numbers: &mut [u8], element: Element) {
    if cfg!(target_endian = "big") {
        numbers.chunks_exact_mut(element.size()).for_each(<[u8]>::reverse);
    }
}

/// Reads the one value that `bytes` hold onto `tape`, which is empty.
pub(crate) fn from_msgpack(bytes: &[u8], tape: &mut Tape) -> Result<()> {
    let mut input = Input(bytes);
    input.value(tape)?;
    if input.0.is_empty() { Ok(()) } else { Err(TapeError::Broken("bytes after the value")) }
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn value(&mut self, tape: &mut Tape) -> Result<()> {
        let marker = self.marker()?;
        match marker {
            Marker::Null => tape.null(),
            Marker::False => tape.bool(false),
            Marker::True => tape.bool(true),
            Marker::F32 => tape.float(f32::from_be_bytes(self.array()?).into()),
            Marker::F64 => tape.float(f64::from_be_bytes(self.array()?)),
            Marker::U64 => tape.uint(u64::from_be_bytes(self.array()?)),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                let len = self.len(marker)?;
                tape.bytes(self.take(len)?)?;
            }
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => self.list(marker, tape)?,
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => self.map(marker, tape)?,
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                tape.str(self.text(marker)?)?;
            }
            _ => match self.small_integer(marker)? {
                Some(number) => tape.int(number),
                None => self.extension(marker, tape)?,
            },
        }
        Ok(())
    }

    fn small_integer(&mut self, marker: Marker) -> Result<Option<i64>> {
        Ok(Some(match marker {
            Marker::FixPos(number) => number.into(),
            Marker::FixNeg(number) => number.into(),
            Marker::U8 => u8::from_be_bytes(self.array()?).into(),
            Marker::U16 => u16::from_be_bytes(self.array()?).into(),
            Marker::U32 => u32::from_be_bytes(self.array()?).into(),
            Marker::I8 => i8::from_be_bytes(self.array()?).into(),
            Marker::I16 => i16::from_be_bytes(self.array()?).into(),
            Marker::I32 => i32::from_be_bytes(self.array()?).into(),
            Marker::I64 => i64::from_be_bytes(self.array()?),
            _ => return Ok(None),
        }))
    }

    fn list(&mut self, marker: Marker, tape: &mut Tape) -> Result<()> {
        let len = self.items(marker, 1)?;
        let list = tape.begin_list(len)?;
        for _ in 0..len {
            self.value(tape)?;
        }
        tape.end(list)
    }

    fn map(&mut self, marker: Marker, tape: &mut Tape) -> Result<()> {
        let len = self.items(marker, 2)?;
        let map = tape.begin_map(len)?;
        for _ in 0..len {
            let key = self.marker()?;
            tape.str(self.text(key)?)?;
            self.value(tape)?;
        }
        tape.end(map)
    }

    fn extension(&mut self, marker: Marker, tape: &mut Tape) -> Result<()> {
        let len = self.len(marker)?;
        let [kind] = self.array()?;
        let content = self.take(len)?;
        match (i8::from_ne_bytes([kind]), content) {
            (ext::BIGINT, _) => tape.bigint(content),
            (ext::PACKED, [letter, numbers @ ..]) => packed(*letter, numbers, tape),
            _ => Err(TapeError::Broken("an extension type that values do not use")),
        }
    }

    /// The text whose marker was just read.
    fn text(&mut self, marker: Marker) -> Result<&'a str> {
        let is_text =
            matches!(marker, Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32);
        if !is_text {
            return Err(TapeError::Broken("a key that is not a text"));
        }
        let len = self.len(marker)?;
        std::str::from_utf8(self.take(len)?)
            .map_err(|_| TapeError::Broken("a text that is not UTF-8"))
    }

    /// How many items a container has: no more than there are bytes for.
    fn items(&mut self, marker: Marker, bytes_each: usize) -> Result<usize> {
        let len = self.len(marker)?;
        if len > self.0.len() / bytes_each {
            return Err(TapeError::Broken("a container with fewer items than it says"));
        }
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
            _ => return Err(TapeError::Broken("a byte that MessagePack does not use")),
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
        let (taken, rest) =
            self.0.split_at_checked(len).ok_or(TapeError::Broken("it ends within a value"))?;
        self.0 = rest;
        Ok(taken)
    }
}

fn packed(letter: u8, numbers: &[u8], tape: &mut Tape) -> Result<()> {
    let element = Element::from_letter(letter)
        .filter(|element| numbers.len().is_multiple_of(element.size()))
        .ok_or(TapeError::Broken("a packed array that is not of whole numbers"))?;
    tape.packed_with(element, numbers.len(), |room| {
        room.copy_from_slice(numbers);
        in_order(room, element);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use zerepy_plugin_abi::{MAX_DEPTH, element};

    use super::super::Form;
    use super::*;

    fn read(bytes: &[u8]) -> Result<Tape> {
        let mut tape = Tape::default();
        from_msgpack(bytes, &mut tape).map(|()| tape)
    }

    fn nodes(tape: &Tape) -> Vec<Node> {
        (0..tape.view().node_count()).map(|at| tape.view().node(at).unwrap()).collect()
    }

    #[test]
    fn everything_comes_back() {
        let mut tape = Tape::default();
        let list = tape.begin_list(14).unwrap();
        tape.null();
        tape.bool(true);
        for number in [0, -1, i64::MIN, i64::MAX] {
            tape.int(number);
        }
        tape.uint(u64::MAX);
        tape.bigint(&[0, 0, 0, 0, 0, 0, 0, 0, 1]).unwrap();
        tape.float(f64::from_bits(0x7ff0_0000_0000_0001));
        tape.float(-0.0);
        tape.bytes(&[0; 300]).unwrap();
        tape.packed(Element::from_letter(element::F32).unwrap(), &[1; 400]).unwrap();
        let map = tape.begin_map(1).unwrap();
        tape.str("größe").unwrap();
        let inner = tape.begin_list(0).unwrap();
        tape.end(inner).unwrap();
        tape.end(map).unwrap();
        tape.str(&"x".repeat(70_000)).unwrap();
        tape.end(list).unwrap();
        let back = read(&to_msgpack(tape.view()).unwrap()).unwrap();
        assert_eq!(nodes(&back), nodes(&tape));
        for node in nodes(&tape) {
            assert_eq!(back.view().bytes(node), tape.view().bytes(node));
            assert_eq!(back.view().packed(node), tape.view().packed(node));
        }
    }

    #[test]
    fn what_others_write_is_read() {
        assert_eq!(nodes(&read(&[0xca, 0x3f, 0, 0, 0]).unwrap())[0].value, 0.5_f64.to_bits());
        assert_eq!(nodes(&read(&[0xcd, 1, 0]).unwrap())[0].value, 256);
        assert_eq!(nodes(&read(&[0xd0, 0xff]).unwrap())[0].value, u64::MAX);
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let deep: Vec<_> = std::iter::repeat_n(0x91, MAX_DEPTH + 1).chain([0xc0]).collect();
        assert_eq!(read(&deep).unwrap_err(), TapeError::TooDeep);
        assert!(read(&deep[1..]).is_ok());
        for (bytes, why) in [
            (&b""[..], "it ends within a value"),
            (b"\xc1", "a byte that MessagePack does not use"),
            (b"\xc0\xc0", "bytes after the value"),
            (b"\xdd\xff\xff\xff\xff\xc0", "a container with fewer items than it says"),
            (b"\xdf\xff\xff\xff\xff\xa0\xc0", "a container with fewer items than it says"),
            (b"\xdb\xff\xff\xff\xff", "it ends within a value"),
            (b"\xa2\xff\xff", "a text that is not UTF-8"),
            (b"\x81\x01\x01", "a key that is not a text"),
            (b"\xd4\x05\x01", "an extension type that values do not use"),
            (b"\xd4\xff\x01", "an extension type that values do not use"),
            (b"\xc7\x00\x02", "an extension type that values do not use"),
            (b"\xd5\x02d\x01", "a packed array that is not of whole numbers"),
            (b"\xd5\x02e\x01", "a packed array that is not of whole numbers"),
        ] {
            assert_eq!(read(bytes).unwrap_err(), TapeError::Broken(why), "{bytes:x?}");
        }
    }

    #[test]
    fn what_would_grow_beyond_the_limit_is_refused() {
        let mut nulls = vec![0xdd, 0, 1, 0, 0];
        nulls.resize(5 + 65536, 0xc0);
        let mut tape = Tape::new(Form { max_payload: 1 << 20, packed: true });
        let wrong = from_msgpack(&nulls, &mut tape).unwrap_err();
        assert!(matches!(wrong, TapeError::TooLarge { .. }), "{wrong:?}");
    }
}
