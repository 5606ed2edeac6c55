//! Tables and errors of other minor versions: shorter, longer, and still understood.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::mem::offset_of;

use common::{Built, load, no_config, tape};
use libloading::Library;
use zerepy_core::ErrorKind;
use zerepy_native::Instance;
use zerepy_plugin_abi::{
    ABI_MAJOR, ABI_MINOR, ENTRY_SYMBOL, FfiEntry, FfiError, FfiHost, MAGIC, code,
};

const ECHO: u32 = 0;
const FAIL: u32 = 1;

fn ready(flags: &[&str]) -> Instance {
    let instance = load(&Built::new(flags).path).unwrap().create(0).unwrap();
    instance.initialize(&no_config()).unwrap();
    instance
}

fn echoes(instance: &Instance) -> bool {
    let result = instance.call(ECHO, &tape(|tape| tape.int(7))).unwrap();
    result.view().node(0).unwrap().value == 7
}

#[test]
fn older_tables_end_with_what_is_required() {
    let instance = ready(&["-DNO_OPTIONS"]);
    assert!(echoes(&instance));
    assert_eq!(instance.is_configured().unwrap(), None);
    assert_eq!(instance.configure().unwrap(), None);
    assert_eq!(instance.health().unwrap(), None);
    assert!(instance.validate(ECHO, &no_config()).unwrap().is_none());
    instance.cleanup().unwrap();
}

#[test]
fn newer_tables_hold_more_than_this_host_knows() {
    let instance = ready(&["-DNEWER"]);
    assert!(echoes(&instance));
    assert_eq!(instance.is_configured().unwrap(), Some(true));
    assert_eq!(instance.configure().unwrap(), None);
    assert_eq!(instance.health().unwrap(), None);
    instance.cleanup().unwrap();
}

#[test]
fn an_error_may_be_filled_in_only_so_far() {
    let instance = ready(&["-DSHORT_ERROR"]);
    let error = instance.call(FAIL, &tape(|tape| tape.int(2))).unwrap_err();
    assert_eq!((error.kind(), error.hint()), (ErrorKind::InvalidParams, None));
    assert!(error.message().ends_with("on purpose"), "{error}");
}

/// The host's table, longer than the library knows it.
#[repr(C)]
struct NewerHost {
    host: FfiHost,
    later: [u64; 2],
}

/// Room for an error, longer than the library knows it.
#[repr(C)]
struct NewerError {
    error: FfiError,
    later: [u64; 2],
}

const LATER: [u64; 2] = [7; 2];

/// What a library that refuses every host writes into an error that claims this size.
fn refusal(size: usize) -> NewerError {
    let host = FfiHost {
        magic: MAGIC,
        size: u32::try_from(size_of::<NewerHost>()).unwrap(),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR + 1,
        log: None,
        get_extension: None,
    };
    let host = NewerHost { host, later: LATER };
    let size = u32::try_from(size).unwrap();
    let mut room = NewerError { error: FfiError { size, ..FfiError::empty() }, later: LATER };
    let built = Built::new(&["-DREFUSES"]);
    // SAFETY: the C plugin has no initializers; the names of symbols stand for their types; host
    // and error are as large as they say, and live for the time of the call.
    unsafe {
        let library = Library::new(&built.path).unwrap();
        let entry = library.get::<FfiEntry>(ENTRY_SYMBOL.to_bytes_with_nul()).unwrap();
        assert!(entry((&raw const host).cast(), (&raw mut room).cast()).is_null());
        if let Some(release) = room.error.release {
            release(room.error.owner);
        }
    }
    room
}

#[test]
fn plugins_write_no_further_than_an_error_is_large() {
    let NewerError { error, later } = refusal(size_of::<NewerError>());
    assert_eq!((error.code, later), (code::EXECUTION, LATER));
    let NewerError { error, .. } = refusal(offset_of!(FfiError, detail));
    assert!(error.code == 0 && error.owner.is_null() && error.release.is_none());
}
