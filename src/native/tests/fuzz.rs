//! Library files with random damage: each is described as it is, or refused; never a crash, and
//! never a plugin that no check has seen.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::fs;
use std::ops::Range;

use common::Built;
use fastrand::Rng;
use zerepy_core::ErrorKind;
use zerepy_native::inspect;

/// How many files are tried: one for ten of the cases that `ZEREPY_FUZZ_CASES` asks for.
fn cases() -> u64 {
    let asked = std::env::var("ZEREPY_FUZZ_CASES").ok();
    asked.map_or(300, |cases| {
        cases.parse::<u64>().expect("ZEREPY_FUZZ_CASES is a number").div_ceil(10)
    })
}

/// Inspects the library with the damage that `harm` does, once for each case.
fn each_damaged(harm: impl Fn(&mut Vec<u8>, &mut Rng)) {
    let built = Built::new(&[]);
    let good = fs::read(&built.path).unwrap();
    for seed in 0..cases() {
        let mut rng = Rng::with_seed(seed);
        let mut content = good.clone();
        harm(&mut content, &mut rng);
        let path = built.beside("damaged.so", &content);
        match inspect(&path) {
            Ok(info) => assert!(!info.plugins.is_empty(), "seed {seed}"),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Load | ErrorKind::Abi), "seed {seed}");
                assert!(!error.message().is_empty(), "seed {seed}");
            }
        }
    }
}

/// Changes up to eight places in the range to what hurts most, or to anything.
fn disturb(content: &mut [u8], range: Range<usize>, rng: &mut Rng) {
    for _ in 0..rng.usize(1..=8) {
        let at = rng.usize(range.clone());
        let bytes = match rng.u8(..4) {
            0 => u64::MAX.to_le_bytes(),
            1 => 0_u64.to_le_bytes(),
            2 => (content.len() as u64 + rng.u64(..32) - 16).to_le_bytes(),
            _ => rng.u64(..).to_le_bytes(),
        };
        let len = [1, 2, 4, 8][rng.usize(..4)].min(content.len() - at);
        content[at..at + len].copy_from_slice(&bytes[..len]);
    }
}

#[test]
fn damaged_headers() {
    each_damaged(|content, rng| disturb(content, 0..1024, rng));
}

#[test]
fn damaged_sections_and_symbols() {
    each_damaged(|content, rng| {
        let sections = u64::from_le_bytes(content[40..48].try_into().unwrap());
        let (start, end) = (usize::try_from(sections).unwrap(), content.len());
        disturb(content, start..end, rng);
    });
}

#[test]
fn damage_anywhere_and_files_cut_off() {
    each_damaged(|content, rng| {
        let whole = 0..content.len();
        disturb(content, whole, rng);
        if rng.bool() {
            content.truncate(rng.usize(..content.len()));
        }
    });
}

#[test]
fn damaged_descriptors() {
    each_damaged(|content, rng| {
        let start = content.windows(7).position(|window| window == b"{\"abi\":").unwrap();
        let end = start + content[start..].iter().position(|&byte| byte == 0).unwrap();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(start..end);
            content[at] = b"\"{}[],:\\0e-\xff"[rng.usize(..12)];
        }
    });
}
