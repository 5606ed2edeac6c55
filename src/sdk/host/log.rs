//! Log records.

use std::fmt;
use std::ptr;
use std::sync::OnceLock;

use serde::Serialize;
use zerepy_plugin_abi::{FfiLogService, FfiSlice, Level, status};

use super::extension::{find, host};
use crate::codec::Payload;
use crate::export::current_plugin;

/// The plugin of this library that was initialized first: its name stands on records of threads
/// of which nothing is known.
static DEFAULT: OnceLock<&str> = OnceLock::new();

pub(crate) fn set_default_plugin(plugin: &'static str) {
    DEFAULT.get_or_init(|| plugin);
}

/// Sends a record to Python's `logging`, under the plugin that is running on this thread; on a
/// thread of the plugin's own, under the library's first. Does nothing without a host, as in unit
/// tests.
pub fn log(level: Level, message: fmt::Arguments<'_>) {
    write(level, plugin(), &message.to_string());
}

/// Whether [`log`] is worth calling.
#[must_use]
pub fn logs(level: Level) -> bool {
    is_enabled(level, plugin())
}

/// The plugin that is running on this thread, as far as known.
pub(crate) fn plugin() -> &'static str {
    current_plugin().or_else(|| DEFAULT.get().copied()).unwrap_or_default()
}

/// Whether a record would be kept; a host that cannot tell keeps all.
pub(crate) fn is_enabled(level: Level, plugin: &str) -> bool {
    let Some(enabled) = find::<FfiLogService>().and_then(|table| table.enabled) else {
        return !host().is_null();
    };
    // SAFETY: the name lives until the end of the call, which may come from any thread.
    unsafe { enabled(host(), level as u32, FfiSlice::new(plugin.as_bytes())) == status::YES }
}

/// Sends a record without fields.
pub(crate) fn write(level: Level, plugin: &str, message: &str) {
    record(level, plugin, message, None::<&()>);
}

/// Sends a record; fields that cannot be written are left out.
pub(crate) fn record(
    level: Level,
    plugin: &str,
    message: &str,
    fields: Option<&(impl Serialize + ?Sized)>,
) {
    let host = host();
    if host.is_null() {
        return;
    }
    let (plugin, message) = (FfiSlice::new(plugin.as_bytes()), FfiSlice::new(message.as_bytes()));
    if let Some(record) = find::<FfiLogService>().and_then(|table| table.record) {
        let fields = fields.and_then(|fields| Payload::encode(fields).ok());
        let tape = fields.as_ref().map(Payload::as_ffi);
        let tape = tape.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: all of it lives until the call returns, and it may come from any thread.
        unsafe { record(host, level as u32, plugin, message, tape) };
        return;
    }
    // SAFETY: the entry point checked the table's magic and size; it outlives the library.
    if let Some(log) = unsafe { (*host).log } {
        // SAFETY: both slices live until the call returns, and it may come from any thread.
        unsafe { log(host, level as u32, plugin, message) };
    }
}

/// Sends a record to Python's `logging`: `log!(Info, "indexed {count} documents")`.
///
/// The first argument is a variant of [`Level`], the rest is as for [`format!`], and is not looked at
/// if the record would not be kept.
#[macro_export]
macro_rules! log {
    ($level:ident, $($message:tt)+) => {
        if $crate::__private::logs($crate::Level::$level) {
            $crate::__private::log($crate::Level::$level, ::core::format_args!($($message)+));
        }
    };
}
