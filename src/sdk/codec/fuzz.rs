//! Tapes of random nodes for the reader: a value that is written and read again as it is, or an
//! error; never a panic, and nothing beyond the tape. Lent texts are addresses, and trusted: none.

use std::collections::BTreeMap;

use fastrand::Rng;
use zerepy_plugin_abi::{FfiTape, Node, TAPE_VERSION, element, tag};

use super::{Payload, Tape};
use crate::Value;

/// How many tapes are tried; `ZEREPY_FUZZ_CASES` asks for more, or fewer under valgrind.
fn cases() -> u64 {
    let asked = std::env::var("ZEREPY_FUZZ_CASES").ok();
    asked.map_or(20_000, |cases| cases.parse().expect("ZEREPY_FUZZ_CASES is a number"))
}

fn node(rng: &mut Rng, count: usize, arena: usize) -> Node {
    const ELEMENTS: [u8; 4] = [element::BOOL, element::U8, element::F64, 0];
    let mut tag = rng.u32(tag::NULL..=tag::PACKED_REF + 1);
    if matches!(tag, tag::STR_REF | tag::BYTES_REF | tag::PACKED_REF) {
        tag = tag::PACKED; // the others are addresses
    }
    if tag == tag::PACKED {
        tag |= u32::from(ELEMENTS[rng.usize(..4)]) << tag::ELEMENT_SHIFT;
    }
    let (len, value) = match rng.u8(..8) {
        0 => (rng.u32(..), rng.u64(..)),
        1 => (u32::MAX, u64::MAX),
        2..=4 => (rng.u32(..3), rng.u64(..=arena as u64)),
        _ => (rng.u32(..3), rng.u64(..=count as u64)),
    };
    Node { tag, len, value }
}

#[test]
fn random_tapes_are_read_or_refused() {
    let mut read = 0;
    for seed in 0..cases() {
        let mut rng = Rng::with_seed(seed);
        let arena = [rng.u64(..), rng.u64(..)]; // aligned, as packed numbers need it
        let arena_len = rng.usize(..=size_of_val(&arena));
        let count = rng.usize(1..12);
        let nodes: Vec<_> = (0..count).map(|_| node(&mut rng, count, arena_len)).collect();
        let ffi = FfiTape {
            version: TAPE_VERSION,
            nodes: nodes.as_ptr(),
            node_count: nodes.len(),
            arena: arena.as_ptr().cast(),
            arena_len,
            ..FfiTape::empty()
        };
        // SAFETY: nodes and arena outlive the tape, and none of the nodes is an address.
        let tape = unsafe { Tape::from_ffi(&raw const ffi) }.unwrap();
        let _ = tape.decode::<BTreeMap<String, Vec<Option<i128>>>>();
        let _ = tape.decode::<(bool, f32, &str)>();
        let Ok(value) = tape.decode::<Value>() else { continue };
        read += 1;
        let again = Payload::encode(&value).unwrap();
        // SAFETY: the payload outlives the tape.
        let again = unsafe { Tape::from_ffi(&again.as_ffi()) }.unwrap().decode::<Value>().unwrap();
        // By their text, for NaN is not equal to itself.
        assert_eq!(format!("{again:?}"), format!("{value:?}"), "seed {seed}");
    }
    assert!(read > 0, "no tape was readable: the cases test nothing");
}
