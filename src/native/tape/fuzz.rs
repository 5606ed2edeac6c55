//! Tapes of random nodes: read exactly, or refused; never a panic, and nothing beyond the tape.

use fastrand::Rng;
use zerepy_plugin_abi::{Node, element, tag};

use super::{Form, Tape, TapeView, to_json};

/// How many tapes are tried; `ZEREPY_FUZZ_CASES` asks for more, or fewer under valgrind.
fn cases() -> u64 {
    let asked = std::env::var("ZEREPY_FUZZ_CASES").ok();
    asked.map_or(20_000, |cases| cases.parse().expect("ZEREPY_FUZZ_CASES is a number"))
}

/// Nodes that mostly look right: small lengths, ends on the tape, offsets in the arena.
fn node(rng: &mut Rng, count: usize, arena: usize) -> Node {
    const ELEMENTS: [u8; 4] = [element::BOOL, element::U8, element::F64, 0];
    let mut tag = rng.u32(tag::NULL..=tag::PACKED_REF + 1);
    if tag >= tag::PACKED {
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
        let mut arena = vec![0; rng.usize(..9)];
        rng.fill(&mut arena);
        let count = rng.usize(..12);
        let nodes: Vec<_> = (0..count).map(|_| node(&mut rng, count, arena.len())).collect();
        let view = TapeView::new(&nodes, &arena);
        read += u64::from(to_json(view).is_ok());
        for at in 0..=count {
            if let Ok(node) = view.node(at) {
                let _ = (view.bytes(node), view.text(node), view.packed(node)); // whatever kind of node it is
            }
        }
    }
    assert!(read > 0, "no tape was readable: the cases test nothing");
}

/// A good tape with one thing wrong is another value, or refused.
#[test]
fn damaged_tapes_are_read_or_refused() {
    for seed in 0..cases() / 10 {
        let mut rng = Rng::with_seed(seed);
        let mut tape = Tape::new(Form::DEFAULT);
        write(&mut tape, &mut rng, 0);
        let (mut nodes, arena) = parts(&tape);
        assert!(to_json(TapeView::new(&nodes, &arena)).is_ok(), "seed {seed}");
        let at = rng.usize(..nodes.len());
        match rng.u8(..4) {
            0 => nodes[at].tag = rng.u32(..20),
            1 => nodes[at].len = nodes[at].len.wrapping_add(rng.u32(1..)),
            2 => nodes[at].value ^= 1 << rng.u32(..64),
            _ => nodes.truncate(at),
        }
        let _ = to_json(TapeView::new(&nodes, &arena));
    }
}

fn parts(tape: &Tape) -> (Vec<Node>, Vec<u8>) {
    let view = tape.view();
    let nodes = (0..view.node_count()).map(|at| view.node(at).unwrap()).collect();
    let texts = |node: Node| node.tag == tag::STR;
    let nodes: Vec<Node> = nodes;
    let end =
        nodes.iter().filter(|node| texts(**node)).map(|node| node.value + u64::from(node.len));
    let mut arena = vec![0; usize::try_from(end.max().unwrap_or(0)).unwrap()];
    for node in nodes.iter().filter(|node| texts(**node)) {
        let (at, text) = (usize::try_from(node.value).unwrap(), view.bytes(*node).unwrap());
        arena[at..at + text.len()].copy_from_slice(text);
    }
    (nodes, arena)
}

fn write(tape: &mut Tape, rng: &mut Rng, depth: usize) {
    match rng.u8(if depth > 5 { 0..4 } else { 0..6 }) {
        0 => tape.null(),
        1 => tape.int(rng.i64(..)),
        2 => tape.bool(rng.bool()),
        3 => tape.str(&"text".repeat(rng.usize(..4))).unwrap(),
        4 => {
            let len = rng.usize(..5);
            let list = tape.begin_list(len).unwrap();
            (0..len).for_each(|_| write(tape, rng, depth + 1));
            tape.end(list).unwrap();
        }
        _ => {
            let len = rng.usize(..5);
            let map = tape.begin_map(len).unwrap();
            for key in 0..len {
                tape.str(&key.to_string()).unwrap();
                write(tape, rng, depth + 1);
            }
            tape.end(map).unwrap();
        }
    }
}
