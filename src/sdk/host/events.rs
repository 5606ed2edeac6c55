//! Events of the manager's bus.

use std::ffi::c_void;
use std::fmt;

use serde::{Deserialize, Serialize};
use zerepy_plugin_abi::{FfiEvent, FfiEventService, FfiSlice, FfiSubscriber, Level, code};

use super::extension::{function, host};
use super::log;
use super::reply::ask;
use crate::codec::{Payload, Tape};
use crate::export::guard;
use crate::{Error, Result};

/// An event, lent to a handler.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    name: &'e str,
    source: &'e str,
    data: Tape<'e>,
}

impl<'e> Event<'e> {
    /// Its dotted name.
    #[must_use]
    pub fn name(&self) -> &'e str {
        self.name
    }

    /// Who published it: a plugin's name, or `host`.
    #[must_use]
    pub fn source(&self) -> &'e str {
        self.source
    }

    /// Reads what belongs to it.
    pub fn data<T: Deserialize<'e>>(&self) -> Result<T> {
        self.data.decode().map_err(|fault| fault.into_error(code::EXECUTION, "event.data"))
    }
}

/// A subscription, which ends when this is dropped.
#[must_use = "a subscription ends when it is dropped"]
pub struct Subscription {
    scope: u64,
    number: u64,
}

impl Subscription {
    /// Leaves it to the host to end it, when the plugin is cleaned up.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscription").field(&self.number).finish()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Ok(unsubscribe) = function(|table: &FfiEventService| table.unsubscribe) {
            // SAFETY: the ABI allows any numbers from any thread.
            unsafe { unsubscribe(host(), self.scope, self.number) };
        }
    }
}

type Body = Box<dyn Fn(Event<'_>) + Send + Sync>;

struct Handler {
    plugin: &'static str,
    body: Body,
}

pub(super) fn publish(scope: u64, name: &str, data: &impl Serialize) -> Result<()> {
    let publish = function(|table: &FfiEventService| table.publish)?;
    let data =
        Payload::encode(data).map_err(|fault| fault.into_error(code::EXECUTION, "event.data"))?;
    let (name, data) = (FfiSlice::new(name.as_bytes()), data.as_ffi());
    // SAFETY: name and data live until the end of the call.
    ask(|error| unsafe { publish(host(), scope, name, &raw const data, error) })
}

pub(super) fn subscribe(
    scope: u64,
    plugin: &'static str,
    pattern: &str,
    body: Body,
) -> Result<Subscription> {
    let subscribe = function(|table: &FfiEventService| table.subscribe)?;
    let context = Box::into_raw(Box::new(Handler { plugin, body })).cast();
    let subscriber = FfiSubscriber { context, handle: Some(handle), release: Some(release) };
    let (pattern, mut number) = (FfiSlice::new(pattern.as_bytes()), 0);
    // SAFETY: the pattern lives until the end of the call, as does the place for the number; the
    // context is handed over.
    ask(|error| unsafe {
        subscribe(host(), scope, pattern, &raw const subscriber, &raw mut number, error)
    })?;
    Ok(Subscription { scope, number })
}

unsafe extern "C" fn handle(context: *mut c_void, event: *const FfiEvent) {
    // SAFETY: the host passes what `subscribe` handed over, and has not released it.
    let Handler { plugin, body } = unsafe { &*context.cast::<Handler>() };
    let outcome = guard(plugin, || {
        // SAFETY: the host lends the event, and all that it points to, for the time of this call.
        let event = unsafe {
            let FfiEvent { name, source, data, .. } = *event;
            let data = Tape::from_ffi(data).map_err(|fault| Error::new(fault.to_string()))?;
            Event { name: text(name)?, source: text(source)?, data }
        };
        body(event);
        Ok(())
    });
    if let Err(error) = outcome {
        log::write(Level::Error, plugin, &format!("a handler of events failed: {error}"));
    }
}

unsafe extern "C" fn release(context: *mut c_void) {
    // SAFETY: the host gives back, once, what `subscribe` handed over.
    let handler = unsafe { Box::from_raw(context.cast::<Handler>()) };
    let plugin = handler.plugin;
    let dropped = guard(plugin, || {
        drop(handler);
        Ok(())
    });
    if let Err(error) = dropped {
        log::write(Level::Error, plugin, &format!("dropping a handler panicked: {error}"));
    }
}

/// # Safety
/// The slice is readable for `'e`.
unsafe fn text<'e>(slice: FfiSlice) -> Result<&'e str> {
    // SAFETY: the caller's promise; the host passes no NULL here.
    let bytes = unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) };
    Ok(std::str::from_utf8(bytes)?)
}
