//! An error on its way to the host.

use std::ffi::c_void;

use zerepy_plugin_abi::{FfiError, FfiSlice};

use crate::Error;

struct Texts {
    message: String,
    detail: Vec<u8>,
}

/// Fills in the host's `out`, if there is one that is large enough.
///
/// # Safety
///
/// `out` is NULL, or valid for reading its size and for writing that many bytes.
pub(super) unsafe fn report(error: Error, out: *mut FfiError) {
    // SAFETY: the size is its first field, readable as the caller promises.
    if out.is_null() || (unsafe { (*out).size } as usize) < size_of::<FfiError>() {
        return;
    }
    let code = error.code();
    let (message, detail) = error.into_texts();
    let texts = Box::new(Texts { message, detail });
    let (message, detail) = (FfiSlice::new(texts.message.as_bytes()), FfiSlice::new(&texts.detail));
    let owner = Box::into_raw(texts).cast();
    // SAFETY: `out` covers the fields of this version. The texts stay where they are on the heap
    // until `release`. The size is the host's and stays.
    unsafe {
        let size = (*out).size;
        out.write(FfiError { size, code, message, detail, owner, release: Some(release) });
    }
}

unsafe extern "C" fn release(owner: *mut c_void) {
    // SAFETY: the host gives back, once, what `report` handed over.
    drop(unsafe { Box::from_raw(owner.cast::<Texts>()) });
}
