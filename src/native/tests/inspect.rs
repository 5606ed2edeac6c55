//! What is refused before any code of a library runs.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use common::Built;
use zerepy_core::{Category, ErrorKind, Exec};
use zerepy_native::{Panic, inspect};

#[track_caller]
fn refused(path: &Path, kind: ErrorKind, expected: &str) {
    let error = inspect(path).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    let message = error.to_string();
    assert!(message.contains(expected), "{message}");
    assert!(message.contains(path.to_str().unwrap()), "{message}");
}

#[test]
fn a_good_library_is_described() {
    let built = Built::new(&[]);
    let info = inspect(&built.path).unwrap();
    assert_eq!(info.path, built.path);
    assert_eq!(info.sdk.as_deref(), Some("c"));
    assert_eq!((info.abi, info.panic), ((1, 0), Panic::Unwind));
    let [plugin] = &info.plugins[..] else { panic!("{info:?}") };
    assert_eq!((plugin.name.as_str(), plugin.category), ("echo", Category::Connection));
    assert_eq!(plugin.actions[3].exec, Exec::Blocking);
}

#[test]
fn what_is_no_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |content: &[u8]| {
        let path = folder.path().join("x.so");
        fs::write(&path, content).unwrap();
        path
    };
    refused(&folder.path().join("none.so"), ErrorKind::Load, "the file cannot be read");
    refused(folder.path(), ErrorKind::Load, "it is a directory");
    refused(Path::new("/dev/zero"), ErrorKind::Load, "it is not a regular file");
    refused(&file(b""), ErrorKind::Load, "the file is empty");
    refused(&file(b"import os\n"), ErrorKind::Load, "it starts with the text \"import os\\n\"");
    refused(&file(b"\x00\x01\x02"), ErrorKind::Load, "it starts with the bytes [00, 01, 02]");
    refused(&file(b"\x7fELF"), ErrorKind::Load, "it is truncated");
    refused(&file(b"\x7fELF\x02\x01\x01"), ErrorKind::Load, "it is truncated");
}

#[test]
fn cut_libraries_are_refused() {
    let built = Built::new(&[]);
    let content = fs::read(&built.path).unwrap();
    let whole = content.len();
    for len in [64, 4096, whole / 4, whole / 2, whole - 1] {
        let path = built.beside("cut.so", &content[..len]);
        refused(&path, ErrorKind::Load, "truncated");
    }
}

#[test]
fn patched_headers_are_refused() {
    let built = Built::new(&[]);
    let good = fs::read(&built.path).unwrap();
    let patched = |at: usize, byte: u8| {
        let mut content = good.clone();
        content[at] = byte;
        built.beside("patched.so", &content)
    };
    refused(&patched(4, 1), ErrorKind::Load, "it is not built for 64 bits");
    refused(&patched(5, 2), ErrorKind::Load, "it is built for the other byte order");
    refused(&patched(16, 2), ErrorKind::Load, "not a shared library");
    refused(&patched(18, 243), ErrorKind::Load, "it is built for riscv, this process runs on");
    refused(&patched(54, 0), ErrorKind::Load, "its program headers cannot be read");
    refused(&patched(58, 0), ErrorKind::Load, "its section headers cannot be read");
}

/// Every byte of the headers and tables, set to odd values: an error or not, but never a crash.
#[test]
fn no_damage_crashes_the_reader() {
    let built = Built::new(&[]);
    let good = fs::read(&built.path).unwrap();
    let sections = usize::try_from(u64::from_le_bytes(good[40..48].try_into().unwrap())).unwrap();
    let file = File::options().write(true).open(&built.path).unwrap();
    for at in (0..1024).chain(sections..good.len()) {
        for byte in [0, 0x7f, 0xff, good[at]] {
            file.write_all_at(&[byte], at as u64).unwrap();
            let _ = inspect(&built.path);
        }
    }
    inspect(&built.path).unwrap();
}

#[test]
fn other_entries_are_told_apart() {
    let other = Built::new(&["-DENTRY=zerepy_plugin_entry_v7"]);
    refused(&other.path, ErrorKind::Abi, "built for plugin ABI v7; this host speaks v1");
    let none = Built::new(&["-DENTRY=something_else"]);
    refused(&none.path, ErrorKind::Load, "it exports no plugin entry \"zerepy_plugin_entry_v1\"");
    let hidden = Built::new(&["-fvisibility=hidden"]);
    refused(&hidden.path, ErrorKind::Load, "it exports no plugin entry");
}

#[test]
fn descriptors_are_checked() {
    let none = Built::new(&["-DNO_DESCRIPTOR"]);
    refused(&none.path, ErrorKind::Load, "it has no section \".zerepy.plugin\"");
    let major = Built::new(&["-DMAJOR=2"]);
    refused(&major.path, ErrorKind::Abi, "built for plugin ABI v2");
    let abort = Built::new(&["-DPANIC=\"abort\""]);
    refused(&abort.path, ErrorKind::Load, "set panic = \"unwind\" under [profile.release]");
    let shape = Built::new(&["-DMAJOR=x"]);
    refused(&shape.path, ErrorKind::Load, "its descriptor is not as expected");
}
