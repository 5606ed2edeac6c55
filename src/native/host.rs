//! What this host offers to plugins.

use std::borrow::Cow;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use zerepy_plugin_abi::{ABI_MAJOR, ABI_MINOR, FfiHost, FfiSlice, Level, MAGIC};

use crate::services;

/// The table given to every library.
#[expect(clippy::cast_possible_truncation, reason = "the table is a few dozen bytes")]
pub(crate) static HOST: FfiHost = FfiHost {
    magic: MAGIC,
    size: size_of::<FfiHost>() as u32,
    abi_major: ABI_MAJOR,
    abi_minor: ABI_MINOR,
    log: Some(log),
    get_extension: Some(get_extension),
};

unsafe extern "C" fn log(_: *const FfiHost, level: u32, plugin: FfiSlice, message: FfiSlice) {
    // What listens to the records may panic, and that must not reach the plugin.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the plugin lends both texts for the time of this call.
        let (plugin, message) = unsafe { (text(plugin), text(message)) };
        services::write_log(level, &plugin, &message, None);
    }));
}

pub(crate) fn emit(level: u32, plugin: &str, message: &str) {
    const ERROR: u32 = Level::Error as u32;
    const WARNING: u32 = Level::Warning as u32;
    const INFO: u32 = Level::Info as u32;
    const DEBUG: u32 = Level::Debug as u32;
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "zerepy_plugins.plugin", tracing::Level::$level, plugin, "{message}"
            )
        };
    }
    match level {
        ERROR.. => event!(ERROR),
        WARNING.. => event!(WARN),
        INFO.. => event!(INFO),
        DEBUG.. => event!(DEBUG),
        _ => event!(TRACE),
    }
}

unsafe extern "C" fn get_extension(_: *const FfiHost, id: FfiSlice) -> *const c_void {
    // SAFETY: the plugin lends the id for the time of this call.
    services::extension(unsafe { bytes(id) })
}

/// A slice that a plugin lends, as text.
///
/// # Safety
/// It is readable in the length it says for as long as the text is used.
pub(crate) unsafe fn text<'a>(slice: FfiSlice) -> Cow<'a, str> {
    // SAFETY: the caller's promise is the same.
    String::from_utf8_lossy(unsafe { bytes(slice) })
}

/// A slice that a plugin lends; NULL is empty.
///
/// # Safety
/// It is readable in the length it says for as long as the bytes are used.
pub(crate) unsafe fn bytes<'a>(slice: FfiSlice) -> &'a [u8] {
    if slice.ptr.is_null() {
        return &[];
    }
    // SAFETY: it is not NULL, and the caller vouches for the rest.
    unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) }
}
