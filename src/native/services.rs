//! What running plugins may ask of their host, and the tables by which they ask.
//!
//! Here stands what is the same for every host: who asks, whether it may, and the border. What is
//! done for it is the business of a [`Services`], which an instance is given.

mod calls;
mod context;
mod events;
mod frame;
mod log;
mod metrics;
mod options;
mod refuse;
mod scope;

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use zerepy_core::{Metrics, Result};
use zerepy_plugin_abi::extension;

use crate::task::Done;
use crate::{ResultTape, Tape};

pub use events::Subscriber;
pub use frame::Caller;
pub use log::{LogSink, set_log_sink};
pub use options::{CallOptions, CancelFlag};

pub(crate) use frame::{Frame, Waits};
pub(crate) use log::write as write_log;
pub(crate) use scope::Scope;

/// Ends what was begun.
pub type Undo = Box<dyn FnOnce() + Send>;

/// What one host does for its plugins; a manager is one. No call may run Python code, or wait for
/// the interpreter, on a thread that may hold it, but for the two that call a plugin.
pub trait Services: Send + Sync {
    /// Delivers an event soon, on another thread.
    fn publish(&self, source: &str, name: &str, data: Tape) -> Result<()>;

    /// Hands events to `subscriber`, one at a time, on a thread of the host's own.
    fn subscribe(&self, pattern: &str, subscriber: Subscriber) -> Result<Undo>;

    /// The numbers of the plugin.
    fn metrics(&self, plugin: &str) -> Arc<Metrics>;

    /// Calls an action of a plugin, and waits for it on this thread.
    fn call(&self, call: ServiceCall<'_>) -> Result<ResultTape>;

    /// Begins a call. `done` gets its outcome, perhaps before this returns, unless this fails. What
    /// is returned says that nobody waits for it any more.
    fn start(&self, call: ServiceCall<'_>, done: Done) -> Result<Undo>;
}

/// A call that a plugin makes.
#[derive(Debug)]
pub struct ServiceCall<'a> {
    /// Which plugin is called.
    pub plugin: &'a str,
    /// What it is to do.
    pub action: &'a str,
    /// The parameters, a copy.
    pub params: Tape,
    /// Who calls.
    pub caller: Caller,
}

/// The table of the extension with that id, or NULL.
pub(crate) fn extension(id: &[u8]) -> *const c_void {
    const IDS: [&str; 5] = [
        extension::CONTEXT,
        extension::LOG,
        extension::EVENTS,
        extension::METRICS,
        extension::CALLS,
    ];
    match IDS.iter().position(|known| known.as_bytes() == id) {
        Some(0) => (&raw const context::TABLE).cast(),
        Some(1) => (&raw const log::TABLE).cast(),
        Some(2) => (&raw const events::TABLE).cast(),
        Some(3) => (&raw const metrics::TABLE).cast(),
        Some(4) => (&raw const calls::TABLE).cast(),
        _ => ptr::null(),
    }
}
