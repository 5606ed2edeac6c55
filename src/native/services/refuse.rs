//! The host's errors on their way to a plugin, and the one guard around what plugins ask.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_plugin_abi::{FfiError, FfiSlice, Status, code, status};

struct Texts {
    message: String,
    detail: String,
}

/// Runs `body`; its error, or its panic, which must not reach the plugin, is filled in.
///
/// # Safety
/// `out` is NULL or points to an error structure whose size is set.
pub(super) unsafe fn answer(out: *mut FfiError, body: impl FnOnce() -> Result<()>) -> Status {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Execution, "the host failed: it panicked; this is a bug in it"))
    });
    match outcome {
        Ok(()) => status::OK,
        Err(error) => {
            // SAFETY: the caller's promise.
            unsafe { fill(out, &error) };
            status::FAILED
        }
    }
}

/// Fills in `out`, if there is one that is large enough.
///
/// # Safety
/// As for [`answer`].
pub(super) unsafe fn fill(out: *mut FfiError, error: &Error) {
    // SAFETY: the size is its first field, readable as the caller promises.
    if out.is_null() || (unsafe { (*out).size } as usize) < size_of::<FfiError>() {
        return;
    }
    let texts = Box::new(Texts { message: error.message().to_owned(), detail: detail(error) });
    let message = FfiSlice::new(texts.message.as_bytes());
    let detail = FfiSlice::new(texts.detail.as_bytes());
    let owner = Box::into_raw(texts).cast();
    // SAFETY: it is large enough; the texts stay where they are on the heap until `release`.
    unsafe {
        let (size, code) = ((*out).size, number(error.kind()));
        out.write(FfiError { size, code, message, detail, owner, release: Some(release) });
    }
}

unsafe extern "C" fn release(owner: *mut c_void) {
    // SAFETY: the plugin gives back, once, what `fill` handed over.
    drop(unsafe { Box::from_raw(owner.cast::<Texts>()) });
}

fn detail(error: &Error) -> String {
    let detail = json!({
        "kind": error.kind().code(),
        "plugin": error.plugin(),
        "hint": error.hint(),
        "retry_after": error.retry_after(),
    });
    detail.to_string()
}

const fn number(kind: ErrorKind) -> u32 {
    match kind {
        ErrorKind::InvalidParams => code::INVALID_PARAMS,
        ErrorKind::Config => code::CONFIG,
        ErrorKind::NotReady => code::NOT_READY,
        ErrorKind::Panic => code::PANIC,
        ErrorKind::State => code::STATE,
        _ => code::EXECUTION,
    }
}
