//! The host's table, and those of its extensions.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use zerepy_plugin_abi::{
    FfiCallService, FfiContextService, FfiEventService, FfiHost, FfiLogService, FfiMetricService,
    FfiSlice, extension as id,
};

use crate::{Error, Result};

/// The host of this library: each library has its own copy of this.
static HOST: AtomicPtr<FfiHost> = AtomicPtr::new(ptr::null_mut());

pub(crate) fn set_host(host: *const FfiHost) {
    HOST.store(host.cast_mut(), Ordering::Release);
}

/// The host's table, or NULL without a host, as in unit tests.
pub(super) fn host() -> *const FfiHost {
    HOST.load(Ordering::Acquire).cast_const()
}

/// A table that begins with its size.
///
/// # Safety
/// `ID` is the id under which the ABI has that very table.
pub(super) unsafe trait Extension: 'static {
    /// What it is asked for by.
    const ID: &'static str;
}

macro_rules! extensions {
    ($($table:ident $id:ident)+) => {
        $(
            // SAFETY: as the ABI says.
            unsafe impl Extension for $table {
                const ID: &'static str = id::$id;
            }
        )+
    };
}

extensions! {
    FfiContextService CONTEXT
    FfiLogService LOG
    FfiEventService EVENTS
    FfiMetricService METRICS
    FfiCallService CALLS
}

/// An extension's table, if this host has it in full.
pub(super) fn find<T: Extension>() -> Option<&'static T> {
    let host = host();
    if host.is_null() {
        return None;
    }
    // SAFETY: the entry point checked the table's magic and size; it outlives the library.
    let get = unsafe { (*host).get_extension }?;
    // SAFETY: the id lives for the time of the call, which may come from any thread.
    let table = unsafe { get(host, FfiSlice::new(T::ID.as_bytes())) }.cast::<T>();
    if table.is_null() {
        return None;
    }
    // SAFETY: it begins with its size, whatever that is.
    let size = unsafe { table.cast::<u32>().read() } as usize;
    // SAFETY: it is the table of that id, is large enough, and outlives the library.
    (size >= size_of::<T>()).then(|| unsafe { &*table })
}

/// A function of an extension's table, or the error that there is none.
pub(super) fn function<T: Extension, F>(pick: impl FnOnce(&T) -> Option<F>) -> Result<F> {
    find::<T>().and_then(pick).ok_or_else(|| {
        let id = T::ID;
        Error::new(format!("there is no host that offers {id:?}"))
            .with_origin("not_available", None)
            .with_hint("Run the plugin in a manager of a newer version of the host")
    })
}
