//! The way from a plugin to its host.

use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use zerepy_plugin_abi::{FfiHost, FfiSlice, Level};

use crate::export::current_plugin;

/// The host of this library: each library has its own copy of this.
static HOST: AtomicPtr<FfiHost> = AtomicPtr::new(ptr::null_mut());

pub(crate) fn set_host(host: *const FfiHost) {
    HOST.store(host.cast_mut(), Ordering::Release);
}

/// Sends a record to Python's `logging`, under the plugin that is running on this thread; on a
/// thread of the plugin's own, under no name. Does nothing without a host, as in unit tests.
pub fn log(level: Level, message: fmt::Arguments<'_>) {
    let host = HOST.load(Ordering::Acquire).cast_const();
    if host.is_null() {
        return;
    }
    // SAFETY: the entry point checked the table's magic and size; it outlives the library.
    if let Some(log) = unsafe { (*host).log } {
        let message = message.to_string();
        let plugin = FfiSlice::new(current_plugin().unwrap_or_default().as_bytes());
        // SAFETY: both slices live until the call returns, and it may come from any thread.
        unsafe { log(host, level as u32, plugin, FfiSlice::new(message.as_bytes())) };
    }
}

/// Sends a record to Python's `logging`: `log!(Info, "indexed {count} documents")`.
///
/// The first argument is a variant of [`Level`], the rest is as for [`format!`].
#[macro_export]
macro_rules! log {
    ($level:ident, $($message:tt)+) => {
        $crate::__private::log($crate::Level::$level, ::core::format_args!($($message)+))
    };
}
