//! Log records with fields.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use zerepy_plugin_abi::{FfiHost, FfiLogService, FfiSlice, FfiTape, Status, status};

use super::{Frame, Waits};
use crate::host::{emit, text};
use crate::tape::{Tape, lent_view};

#[expect(clippy::cast_possible_truncation, reason = "the table is a few dozen bytes")]
pub(super) static TABLE: FfiLogService = FfiLogService {
    size: size_of::<FfiLogService>() as u32,
    reserved: 0,
    enabled: Some(enabled),
    record: Some(record),
};

/// Where plugins' records go. It must neither run Python code nor wait for the interpreter.
pub trait LogSink: Send + Sync {
    /// Whether a record of that level, in Python's numbers, would be kept.
    fn enabled(&self, plugin: &str, level: u32) -> bool;

    /// Takes a record; `fields` holds a map. `prompt` says that nobody is going to look at the
    /// queue soon: it does not come from an action that Python waits for with the interpreter held.
    fn record(&self, plugin: &str, level: u32, message: &str, fields: Option<Tape>, prompt: bool);
}

static SINK: OnceLock<&'static dyn LogSink> = OnceLock::new();

/// Says where records go, once for the process; without, they are events of `tracing`, and their
/// fields are left out.
pub fn set_log_sink(sink: &'static dyn LogSink) {
    let _ = SINK.set(sink); // a second import changes nothing
}

unsafe extern "C" fn enabled(_: *const FfiHost, level: u32, plugin: FfiSlice) -> Status {
    let wanted = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the plugin lends the text for the time of this call.
        let plugin = unsafe { text(plugin) };
        SINK.get().is_none_or(|sink| sink.enabled(&plugin, level))
    }));
    if wanted.unwrap_or(false) { status::YES } else { status::OK }
}

unsafe extern "C" fn record(
    _: *const FfiHost,
    level: u32,
    plugin: FfiSlice,
    message: FfiSlice,
    fields: *const FfiTape,
) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the plugin lends both texts for the time of this call.
        let (plugin, message) = unsafe { (text(plugin), text(message)) };
        // SAFETY: it is NULL, or lent for the time of this call.
        let fields = unsafe { lent_view(fields) }.ok().and_then(|view| Tape::copy_of(view).ok());
        write(level, &plugin, &message, fields);
    }));
}

/// Passes a record on.
pub(crate) fn write(level: u32, plugin: &str, message: &str, fields: Option<Tape>) {
    let Some(sink) = SINK.get() else { return emit(level, plugin, message) };
    let prompt = Frame::current().is_none_or(|frame| frame.waits() != Waits::Never);
    sink.record(plugin, level, message, fields, prompt);
}
