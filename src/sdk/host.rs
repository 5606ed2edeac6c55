//! The way from a plugin to its host: what a running plugin may ask for.
//!
//! Each file is one thing that the host offers; `extension.rs` finds its table. Without a host, as
//! in unit tests, and with one that is older than what is asked for, nothing here panics: functions
//! answer with an error of the kind `not_available`, and log records go nowhere.

mod call;
mod calls;
mod events;
mod extension;
mod log;
mod metrics;
mod reply;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zerepy_plugin_abi::{Level, metric};

use crate::Result;
use crate::export::current_plugin;

pub use call::Call;
pub use events::{Event, Subscription};
pub use log::{log, logs};
pub use metrics::{Counter, Gauge, Histogram};

#[cfg(feature = "async")]
pub(crate) use call::Context;
pub(crate) use extension::set_host;
pub(crate) use log::set_default_plugin;
#[cfg(feature = "tracing")]
pub(crate) use log::{is_enabled, plugin, record};

/// What a plugin instance may ask of its host. Cheap to clone, and usable on any thread.
///
/// It comes as the second argument of `initialize`, and from [`Host::current`] within a call. Once
/// the instance is cleaned up, everything here answers with an error.
#[derive(Clone, Debug)]
pub struct Host {
    scope: u64,
    plugin: &'static str,
}

impl Host {
    /// The host of the plugin that is running here: in an action, also an async one, in a handler of
    /// events, in `initialize` and `cleanup`. On a thread of the plugin's own, or in a task that it
    /// spawned, take a clone along instead.
    #[must_use]
    pub fn current() -> Self {
        Self { scope: call::scope(), plugin: current_plugin().unwrap_or_default() }
    }

    /// Sends a record to Python's `logging`, as `zerepy_plugins.plugin.<name>`; `fields`, a struct or
    /// a map, is the record's `fields`. Nothing happens if that level is not kept.
    pub fn log(&self, level: Level, message: impl fmt::Display, fields: &impl Serialize) {
        if log::is_enabled(level, self.plugin) {
            log::record(level, self.plugin, &message.to_string(), Some(fields));
        }
    }

    /// Publishes an event on the manager's bus, with this plugin as its source. It is queued, and
    /// delivered soon on another thread, so it may be called from anywhere.
    pub fn publish(&self, name: &str, data: &impl Serialize) -> Result<()> {
        events::publish(self.scope, name, data)
    }

    /// Hands every event that matches to `handler`, until the subscription is dropped or the plugin
    /// cleaned up: a name, `prefix.*`, or `*`.
    ///
    /// The handler runs on a thread of the host's, one event at a time and in the order in which
    /// they were published; one that takes long holds up the others. A panic in it is logged.
    pub fn subscribe(
        &self,
        pattern: &str,
        handler: impl Fn(Event<'_>) + Send + Sync + 'static,
    ) -> Result<Subscription> {
        events::subscribe(self.scope, self.plugin, pattern, Box::new(handler))
    }

    /// A number that only grows, in `manager.monitor.metrics(name)`. Keep it: asking takes a lock,
    /// counting does not.
    pub fn counter(&self, name: &str) -> Result<Counter> {
        metrics::open(self.scope, metric::COUNTER, name).map(Counter)
    }

    /// A number that is set.
    pub fn gauge(&self, name: &str) -> Result<Gauge> {
        metrics::open(self.scope, metric::GAUGE, name).map(Gauge)
    }

    /// How numbers are distributed.
    pub fn histogram(&self, name: &str) -> Result<Histogram> {
        metrics::open(self.scope, metric::HISTOGRAM, name).map(Histogram)
    }

    /// Calls an action of another plugin of the same manager, native or not, and waits for it. The
    /// action of an action plugin is `"execute"`.
    ///
    /// Only where waiting is allowed: in a `blocking` action, in `initialize`, `cleanup` and handlers
    /// of events, and on threads of the plugin's own, for which no inline action may wait; not in an
    /// inline action, or in an async one before it is pending, for they may hold Python's interpreter:
    /// await [`call_async`](Self::call_async) there. A plugin cannot call one that waits for
    /// it. The error's [`kind`](crate::Error::kind) and
    /// [`plugin`](crate::Error::plugin) say what failed where.
    pub fn call<R: DeserializeOwned>(
        &self,
        plugin: &str,
        action: &str,
        params: &impl Serialize,
    ) -> Result<R> {
        calls::perform(self.scope, plugin, action, params)
    }

    /// Like [`call`](Self::call), for async actions: it begins at once, and is cancelled when the
    /// future is dropped.
    #[cfg(feature = "async")]
    pub fn call_async<R: DeserializeOwned, P: Serialize>(
        &self,
        plugin: &str,
        action: &str,
        params: &P,
    ) -> impl Future<Output = Result<R>> + Send + use<R, P> {
        calls::start(self.scope, plugin, action, params)
    }
}
