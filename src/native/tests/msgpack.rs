//! A library that speaks MessagePack, and what the host passes to it, against the SDK's own codec.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use common::{Built, load, no_config, tape};
use zerepy_core::ErrorKind;
use zerepy_native::{Element, Form, Instance, Tape, element, tag};
use zerepy_plugin::{Array, BigInt, Element as SdkElement, Value, msgpack};

const ECHO: u32 = 0;
const RAW: u32 = 1;
const PARSE: u32 = 2;

fn packer() -> (Built, Instance) {
    let built = Built::of("msgpack.c", &[]);
    let instance = load(&built.path).unwrap().create(0).unwrap();
    instance.initialize(&no_config()).unwrap();
    (built, instance)
}

/// Everything that MessagePack keeps, on the host's side and on the SDK's.
fn everything(tape: &mut Tape) -> Value {
    let map = tape.begin_map(4).unwrap();
    tape.str("numbers").unwrap();
    let list = tape.begin_list(9).unwrap();
    for number in [0, 127, 128, -32, -33, i64::MIN, i64::MAX] {
        tape.int(number);
    }
    tape.uint(u64::MAX);
    tape.bigint(&[0, 0, 0, 0, 0, 0, 0, 0, 1]).unwrap();
    tape.end(list).unwrap();
    tape.str("größe").unwrap();
    tape.float(f64::from_bits(0xfff0_0000_0000_0001));
    tape.str("bytes").unwrap();
    tape.bytes(&[7; 300]).unwrap();
    tape.str("packed").unwrap();
    let shorts = Element::from_letter(element::I16).unwrap();
    tape.packed(shorts, &[1, 2, 3, 4]).unwrap();
    tape.end(map).unwrap();
    let ints = [0, 127, 128, -32, -33, i64::MIN, i64::MAX].map(Value::Int);
    let big = BigInt::from(1 << 64);
    let mut numbers = ints.to_vec();
    numbers.extend([Value::UInt(u64::MAX), Value::BigInt(big)]);
    Value::Map(vec![
        ("numbers".into(), Value::List(numbers)),
        ("größe".into(), Value::Float(f64::from_bits(0xfff0_0000_0000_0001))),
        ("bytes".into(), Value::Bytes(vec![7; 300])),
        (
            "packed".into(),
            Value::Array(Array::from_ne_bytes(SdkElement::I16, vec![1, 2, 3, 4]).unwrap()),
        ),
    ])
}

#[test]
fn host_and_sdk_write_the_same_bytes() {
    let (_built, instance) = packer();
    let mut value = Value::Null;
    let params = tape(|tape| value = everything(tape));
    let result = instance.call(RAW, &params).unwrap();
    let host = result.view().bytes(result.view().node(0).unwrap()).unwrap();
    let sdk = msgpack::to_vec(&value).unwrap();
    assert_eq!(host, sdk);
    let back: Value = msgpack::from_slice(host).unwrap();
    assert_eq!(msgpack::to_vec(&back).unwrap(), sdk); // a NaN is not equal to itself

    let wrapped = tape(|tape| tape.bytes(&sdk).unwrap());
    let read = instance.call(PARSE, &wrapped).unwrap();
    assert_eq!(read.view().node(0).unwrap(), params.view().node(0).unwrap());
    assert_eq!(read.view().node_count(), params.view().node_count());
}

#[test]
fn an_echo_is_what_was_sent() {
    let (_built, instance) = packer();
    let params = tape(|tape| drop(everything(tape)));
    let result = instance.call(ECHO, &params).unwrap();
    for at in 0..params.view().node_count() {
        assert_eq!(result.view().node(at).unwrap(), params.view().node(at).unwrap());
    }
}

#[test]
fn what_it_answers_is_not_trusted() {
    let (_built, instance) = packer();
    let parse = |bytes: &[u8]| {
        let wrapped = tape(|tape| tape.bytes(bytes).unwrap());
        instance.call(PARSE, &wrapped).unwrap_err()
    };
    let hostile = parse(b"\xdd\xff\xff\xff\xff");
    assert_eq!(hostile.kind(), ErrorKind::Execution);
    assert!(hostile.message().contains("fewer items than it says"), "{hostile}");
    assert!(parse(b"").message().contains("ends within a value"));
}

#[test]
fn limits_hold_for_what_is_read_too() {
    let (_built, instance) = packer();
    let mut params = Tape::new(Form { max_payload: 4096, packed: true });
    let mut bytes = vec![0xdc, 1, 0];
    bytes.extend([0xc0; 256]); // 256 nodes, and that of the list
    params.bytes(&bytes).unwrap();
    let error = instance.call(PARSE, &params).unwrap_err();
    assert!(error.message().contains("the limit is 4096"), "{error}");
    assert!(error.hint().unwrap().contains("max_payload"));
}

#[test]
fn it_takes_packed_arrays_whatever_its_version_is() {
    let (_built, instance) = packer();
    assert!(instance.form(1).packed && !instance.borrows());
    let old = Built::new(&[]);
    let old = load(&old.path).unwrap().create(0).unwrap();
    assert!(!old.form(1).packed && old.borrows());
    let params = tape(|tape| tape.packed(Element::from_letter(b'd').unwrap(), &[0; 8]).unwrap());
    assert_eq!(params.view().node(0).unwrap().tag & tag::MASK, tag::PACKED);
}
