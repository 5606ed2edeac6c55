//! What the host fills in: results and errors, read and given back.

use serde::de::DeserializeOwned;
use zerepy_plugin_abi::{FfiError, FfiOwnedTape, FfiSlice, Status, code, status};

use crate::codec::Tape;
use crate::json;
use crate::{Error, Result};

/// A value that the host handed over.
pub(super) struct Reply(FfiOwnedTape);

// SAFETY: it is plain data that only this value refers to, released on whatever thread.
unsafe impl Send for Reply {}

impl Reply {
    /// Room for a value.
    pub(super) const fn empty() -> Self {
        Self(FfiOwnedTape::empty())
    }

    /// Takes over a value.
    ///
    /// # Safety
    /// The host passed it, and nobody else gives it back.
    #[cfg(feature = "async")]
    pub(super) unsafe fn take(raw: *const FfiOwnedTape) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { raw.read() })
    }

    /// Where the host writes.
    pub(super) fn as_mut_ptr(&mut self) -> *mut FfiOwnedTape {
        &raw mut self.0
    }

    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        // SAFETY: the host handed the tape over; it lives until this value is dropped.
        let tape = unsafe { Tape::from_ffi(&raw const self.0.tape) };
        tape.and_then(Tape::decode).map_err(|fault| fault.into_error(code::EXECUTION, "result"))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: once, with the owner that came with it.
            unsafe { release(self.0.owner) };
        }
    }
}

/// Asks the host for something that may fail.
pub(super) fn ask(question: impl FnOnce(*mut FfiError) -> Status) -> Result<()> {
    let mut error = FfiError::empty();
    if question(&raw mut error) == status::OK {
        return Ok(());
    }
    // SAFETY: the host filled it in, or left it empty.
    Err(unsafe { failure(&error) })
}

/// Reads an error of the host's, and gives it back.
///
/// A failure elsewhere is this plugin's own failure to act, whatever it was there: only that it is
/// worth another try is passed on.
///
/// # Safety
/// The host filled it in, or it is empty; it is not used again.
pub(super) unsafe fn failure(error: &FfiError) -> Error {
    // SAFETY: the host keeps both until they are released.
    let (message, detail) = unsafe { (text(error.message), text(error.detail)) };
    let retry_after = json::find(&detail, "retry_after").and_then(|number| number.parse().ok());
    let failure = match (error.code, retry_after) {
        (code::NOT_READY, Some(seconds)) => Error::not_ready(message, seconds),
        _ => Error::new(message),
    };
    let kind = json::find_text(&detail, "kind").unwrap_or_else(|| "execution_failed".to_owned());
    let failure = failure.with_origin(kind, json::find_text(&detail, "plugin"));
    if let Some(release) = error.release {
        // SAFETY: once, with the owner that came with it.
        unsafe { release(error.owner) };
    }
    match json::find_text(&detail, "hint") {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// # Safety
/// The slice is readable in the length it says.
unsafe fn text(slice: FfiSlice) -> String {
    if slice.ptr.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) };
    String::from_utf8_lossy(bytes).into_owned()
}
