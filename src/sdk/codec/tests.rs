//! Both directions together, and tapes that no honest host would send.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zerepy_plugin_abi::{FfiTape, MAX_DEPTH, Node, TAPE_VERSION, tag};

use super::{Payload, Tape};
use crate::{BigInt, Bytes, Value};

fn round_trip<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let payload = Payload::encode(value).unwrap();
    tape(&payload).decode().unwrap()
}

fn tape(payload: &Payload) -> Tape<'_> {
    payload.tape()
}

fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    assert_eq!(&round_trip(value), value);
}

fn message<T: DeserializeOwned + Debug>(value: &impl Serialize) -> String {
    let payload = Payload::encode(value).unwrap();
    tape(&payload).decode::<T>().unwrap_err().into_error(1, "params").message().to_owned()
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Kind {
    Unit,
    Newtype(u8),
    Tuple(u8, String),
    Struct { x: i32 },
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    flag: bool,
    nothing: (),
    small: i8,
    large: u64,
    wei: u128,
    debt: i128,
    float: f64,
    letter: char,
    text: String,
    bytes: Bytes,
    present: Option<u8>,
    absent: Option<u8>,
    pair: (u8, String),
    kinds: Vec<Kind>,
    map: BTreeMap<String, Vec<f32>>,
}

#[test]
fn rust_types_come_back_as_they_were() {
    same(&Everything {
        flag: true,
        nothing: (),
        small: -128,
        large: u64::MAX,
        wei: u128::MAX,
        debt: i128::MIN,
        float: 0.1,
        letter: 'ß',
        text: "日本".into(),
        bytes: Bytes(vec![0, 255]),
        present: Some(1),
        absent: None,
        pair: (1, "x".into()),
        kinds: vec![
            Kind::Unit,
            Kind::Newtype(1),
            Kind::Tuple(2, "y".into()),
            Kind::Struct { x: -1 },
        ],
        map: BTreeMap::from([(String::new(), vec![1.5, 0.25])]),
    });
}

#[test]
fn values_come_back_bit_for_bit() {
    let number = |number: i128| Value::BigInt(BigInt::from(number));
    same(&Value::Map(vec![
        ("z".into(), Value::List(vec![Value::Null, Value::Bool(true), Value::Bool(false)])),
        ("a".into(), Value::Tuple(vec![Value::Int(i64::MIN), Value::Tuple(vec![])])),
        ("u".into(), Value::UInt(u64::MAX)),
        ("big".into(), Value::Tuple(vec![number(i128::MIN), number(1 << 64), number(0)])),
        ("huge".into(), Value::BigInt(BigInt::from_le_bytes(vec![0x7f; 100]))),
        ("bytes".into(), Value::Bytes(vec![0, 159])),
        ("text".into(), Value::Str("\0ü".into())),
    ]));
    for bits in [0x7ff8_0000_0000_0001, 0xfff0_0000_0000_0000, 0x8000_0000_0000_0000, 1_u64] {
        let Value::Float(float) = round_trip(&Value::Float(f64::from_bits(bits))) else {
            panic!("a float stays a float")
        };
        assert_eq!(float.to_bits(), bits);
    }
}

#[test]
fn integers_are_written_in_the_shortest_way() {
    for (number, expected) in [
        (i128::from(i64::MAX), Value::Int(i64::MAX)),
        (i128::from(u64::MAX), Value::UInt(u64::MAX)),
        (1 << 64, Value::BigInt(BigInt::from(1 << 64))),
    ] {
        let payload = Payload::encode(&number).unwrap();
        assert_eq!(tape(&payload).decode::<Value>().unwrap(), expected);
        assert_eq!(tape(&payload).decode::<BigInt>().unwrap(), BigInt::from(number));
        assert_eq!(tape(&payload).decode::<i128>().unwrap(), number);
    }
}

#[test]
fn texts_and_bytes_are_borrowed() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        bytes: &'a [u8],
    }
    let payload = Payload::encode(&Value::Map(vec![
        ("text".into(), Value::Str("lent".into())),
        ("more".into(), Value::List(vec![Value::List(vec![]), Value::Null])),
        ("bytes".into(), Value::Bytes(vec![7])),
    ]))
    .unwrap();
    let ffi = payload.as_ffi();
    let borrowed: Borrowed<'_> = tape(&payload).decode().unwrap();
    assert_eq!((borrowed.text, borrowed.bytes), ("lent", &[7][..]));
    assert_eq!(borrowed.text.as_ptr().addr(), ffi.arena.addr() + "text".len());
}

#[test]
fn errors_name_the_place_and_the_kinds() {
    type Items = HashMap<String, Vec<i64>>;
    let with =
        |item: Value| Value::Map(vec![("items".into(), Value::List(vec![Value::Int(1), item]))]);
    assert_eq!(
        message::<Items>(&with(Value::Str("x".into()))),
        "params.items[1]: expected an integer, got a string"
    );
    assert_eq!(
        message::<Items>(&with(Value::Bool(true))),
        "params.items[1]: expected an integer, got a bool"
    );
    assert_eq!(message::<Items>(&1), "params: expected a dict, got an integer");
    assert_eq!(message::<(u8, u8)>(&[1, 2, 3]), "params: expected 2 items, got 3");
    assert_eq!(message::<u8>(&-1), "params: expected u8, got integer `-1`");
    assert_eq!(
        message::<u8>(&(1_i128 << 64)),
        "params: expected u8, got integer `18446744073709551616` as i128"
    );
    assert_eq!(message::<bool>(&0), "params: expected a bool, got an integer");
    assert_eq!(
        message::<f64>(&(1_i64 << 54)),
        "params: expected a float, got the integer 18014398509481984"
    );
    assert_eq!(message::<f32>(&1e39), format!("params: expected a 32-bit float, got {}", 1e39));
    assert_eq!(message::<BigInt>(&1.0), "params: expected an integer, got a float");
    assert_eq!(
        message::<Kind>(&"Other"),
        "params: expected one of Unit, Newtype, Tuple, Struct, got \"Other\""
    );
    let odd_key = Value::Map(vec![("a b".into(), Value::Null)]);
    assert_eq!(
        message::<HashMap<String, u8>>(&odd_key),
        "params[\"a b\"]: expected an integer, got None"
    );
}

#[test]
fn what_cannot_be_written_is_named() {
    let keys = HashMap::from([("m", HashMap::from([(1, 2)]))]);
    let error = Payload::encode(&keys).unwrap_err().into_error(1, "result");
    assert_eq!(error.message(), "result.m: a map's keys must be texts");
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, level| {
        if level % 2 == 0 { Value::List(vec![inner]) } else { Value::Tuple(vec![inner]) }
    })
}

/// Lists in lists, written by hand as our own writer refuses to.
fn deep_nodes(levels: usize) -> Vec<Node> {
    let mut nodes = vec![Node { tag: tag::LIST, len: 1, value: levels as u64 + 1 }; levels];
    nodes.push(Node { tag: tag::NULL, len: 0, value: 0 });
    nodes
}

#[test]
fn depth_is_limited_on_both_sides() {
    same(&nested(MAX_DEPTH));
    let error = Payload::encode(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert!(error.to_string().ends_with("nested deeper than 128 levels"), "{error}");
    assert!(refused(&deep_nodes(MAX_DEPTH), b"").is_none());
    let error = refused(&deep_nodes(MAX_DEPTH + 1), b"").unwrap();
    assert!(error.ends_with("nested deeper than 128 levels"), "{error}");
}

/// Why a tape is refused, read as any value.
fn refused(nodes: &[Node], arena: &[u8]) -> Option<String> {
    let ffi = FfiTape {
        version: TAPE_VERSION,
        reserved: 0,
        nodes: nodes.as_ptr(),
        node_count: nodes.len(),
        arena: arena.as_ptr(),
        arena_len: arena.len(),
    };
    // SAFETY: both slices outlive the tape, and no node of the tests points elsewhere.
    let outcome = unsafe { Tape::from_ffi(&raw const ffi) }.and_then(Tape::decode::<Value>);
    outcome.err().map(|fault| fault.to_string())
}

#[test]
fn broken_tapes_are_refused() {
    let node = |tag, len, value| Node { tag, len, value };
    let broken: [(&str, &[Node]); 14] = [
        ("no node", &[]),
        ("an unknown kind", &[node(99, 0, 0)]),
        ("a second value", &[node(tag::NULL, 0, 0), node(tag::NULL, 0, 0)]),
        ("a text beyond the arena", &[node(tag::STR, 3, 0)]),
        ("a text that begins beyond it", &[node(tag::STR, 0, 9)]),
        ("an offset that overflows", &[node(tag::BYTES, 2, u64::MAX)]),
        ("a text that is not UTF-8", &[node(tag::STR, 1, 1)]),
        ("a lent text at NULL", &[node(tag::STR_REF, 1, 0)]),
        ("a list without its item", &[node(tag::LIST, 1, 2)]),
        ("a list that ends before it begins", &[node(tag::LIST, 0, 0)]),
        ("a list that ends nowhere", &[node(tag::LIST, 0, u64::MAX)]),
        ("more items than nodes", &[node(tag::LIST, u32::MAX, 2), node(tag::NULL, 0, 0)]),
        ("fewer items than nodes", &[node(tag::LIST, 0, 2), node(tag::NULL, 0, 0)]),
        (
            "a key that is not a text",
            &[node(tag::MAP, 1, 3), node(tag::INT, 0, 1), node(tag::NULL, 0, 0)],
        ),
    ];
    for (what, nodes) in broken {
        let message = refused(nodes, b"a\xff").unwrap_or_else(|| panic!("{what} passed"));
        assert!(message.contains("malformed tape"), "{what}: {message}");
    }
    // An inner list that says it ends outside of the outer one.
    let inner = [node(tag::LIST, 1, 2), node(tag::LIST, 1, 3), node(tag::NULL, 0, 0)];
    assert!(refused(&inner, b"").is_some());
}

#[test]
fn skipping_checks_as_well() {
    #[derive(Debug, Deserialize)]
    struct Empty {}
    let node = |tag, len, value| Node { tag, len, value };
    let nodes = [node(tag::MAP, 1, 3), node(tag::STR, 1, 0), node(tag::LIST, 1, 4)];
    let ffi = FfiTape {
        nodes: nodes.as_ptr(),
        node_count: nodes.len(),
        arena: b"a".as_ptr(),
        arena_len: 1,
        ..FfiTape::empty()
    };
    // SAFETY: all of it outlives the tape.
    let outcome = unsafe { Tape::from_ffi(&raw const ffi) }.and_then(Tape::decode::<Empty>);
    assert!(outcome.unwrap_err().to_string().contains("malformed tape"));
}

#[test]
fn tapes_of_another_version_are_refused() {
    let ffi = FfiTape { version: 2, ..FfiTape::empty() };
    // SAFETY: the tape is empty.
    let fault = unsafe { Tape::from_ffi(&raw const ffi) }.unwrap_err();
    assert!(fault.to_string().ends_with("version 2 instead of 1"), "{fault}");
    // SAFETY: NULL is allowed.
    assert!(unsafe { Tape::from_ffi(std::ptr::null()) }.is_err());
}

#[test]
fn random_tapes_never_do_harm() {
    // A small generator of our own: the same tapes on every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let kinds = [0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 13, 11, 7, 42];
    for _ in 0..20_000 {
        let count = 1 + next(12);
        let nodes: Vec<Node> = (0..count)
            .map(|_| Node {
                tag: kinds[usize::try_from(next(16)).unwrap()],
                len: u32::try_from(next(5)).unwrap(),
                value: next(14),
            })
            .collect();
        let _ = refused(&nodes, b"abc\xc3\xa4");
    }
}

#[test]
fn a_result_gets_the_memory_of_the_one_before() {
    let written = |value: &dyn Fn() -> Payload| {
        let owned = value().into_ffi();
        let nodes = (owned.tape.nodes, owned.tape.node_count, owned.tape.arena_len);
        // SAFETY: once, with the owner that it came with.
        unsafe { owned.release.unwrap()(owned.owner) };
        nodes
    };
    let (first, ..) = written(&|| Payload::encode(&[1, 2, 3]).unwrap());
    let outer = Payload::encode(&"meanwhile").unwrap();
    let (second, ..) = written(&|| Payload::encode(&true).unwrap());
    assert_ne!(first, second, "it is in use");
    drop(outer);
    assert_eq!(written(&|| Payload::encode(&"text").unwrap()), (second, 1, 4));
}
