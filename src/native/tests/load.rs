//! Loading: what the dynamic linker or the handshake refuses, and which copy is loaded.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::fs;
use std::sync::Arc;

use common::{Built, load, no_config};
use zerepy_core::ErrorKind;
use zerepy_native::inspect;

/// The file is as it should be, and yet loading it fails.
#[track_caller]
fn refused(flags: &[&str], kind: ErrorKind, expected: &[&str]) {
    let built = Built::new(flags);
    inspect(&built.path).unwrap();
    let error = load(&built.path).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    for expected in expected {
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn unresolved_symbols_are_named() {
    let expected = ["undefined symbol", "nobody_provides_this", "link it with the library"];
    refused(&["-DUNRESOLVED"], ErrorKind::Load, &expected);
}

#[test]
fn missing_dependencies_are_named() {
    let built = Built::new(&[]);
    let dependency = built.path.with_file_name("libmissing.so");
    fs::rename(&built.path, &dependency).unwrap();
    let needs = ["-Wl,--no-as-needed", dependency.to_str().unwrap()];
    let plugin = Built::new(&needs);
    drop(built);
    let error = load(&plugin.path).unwrap_err().to_string();
    assert!(error.contains("libmissing.so") && error.contains("cannot open"), "{error}");
}

#[test]
fn broken_tables_are_refused() {
    refused(&["-DBAD_MAGIC"], ErrorKind::Abi, &["not a plugin library's table"]);
    refused(&["-DSMALL_TABLE"], ErrorKind::Abi, &["its table is smaller"]);
    refused(&["-DTABLE_MAJOR=3"], ErrorKind::Abi, &["built for plugin ABI v3"]);
    refused(&["-DPLUGIN_COUNT=2"], ErrorKind::Abi, &["it has 2 plugins, its descriptor says 1"]);
    refused(
        &["-DCALL=(1?NULL:call)"],
        ErrorKind::Abi,
        &["its plugin \"echo\" has no \"call\" function"],
    );
    refused(&["-DOTHER_DESCRIPTOR"], ErrorKind::Load, &["not the one it answers with"]);
}

#[test]
fn a_library_may_refuse() {
    refused(&["-DREFUSES"], ErrorKind::Load, &["it refused this host: not on a Tuesday"]);
}

#[test]
fn the_same_content_is_loaded_once() {
    let built = Built::new(&["-DSDK=\"once\""]);
    let content = fs::read(&built.path).unwrap();
    let first = load(&built.path).unwrap();
    let second = load(&built.beside("other.so", &content)).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(first.info().path, built.path);
    assert_eq!(first.create(1).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn changing_the_file_afterwards_harms_nobody() {
    let built = Built::new(&["-DSDK=\"changed\""]);
    let next = Built::new(&["-DCLEANUP_FAILS"]);
    let old = load(&built.path).unwrap();
    let instance = old.create(0).unwrap();
    let content = fs::read(&built.path).unwrap();
    fs::write(&built.path, vec![0; content.len()]).unwrap(); // in place: the same inode
    instance.initialize(&no_config()).unwrap();
    fs::write(&built.path, fs::read(&next.path).unwrap()).unwrap();
    let new = load(&built.path).unwrap();
    assert!(!Arc::ptr_eq(&old, &new));
    instance.cleanup().unwrap();
    let instance = new.create(0).unwrap();
    instance.initialize(&no_config()).unwrap();
    assert_eq!(instance.cleanup().unwrap_err().kind(), ErrorKind::Cleanup);
}
