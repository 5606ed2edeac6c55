//! What a manager does for its native plugins: events, numbers, and calls of other plugins.

mod calls;
mod chain;
mod flight;

use std::sync::{Arc, OnceLock, Weak};

use zerepy_core::{Error, ErrorKind, Metrics, Monitor, Pattern, Result};
use zerepy_native::{Done, ResultTape, ServiceCall, Services, Subscriber, Tape, Undo};

use crate::background;
use crate::environment::PluginHost;
use crate::events::{Handler, Handlers};

use calls::Outgoing;
pub(crate) use chain::caller;

/// The services of one manager. It does not keep the manager alive.
pub(crate) struct ManagerServices {
    host: OnceLock<Weak<PluginHost>>,
    handlers: Arc<Handlers>,
    monitor: Arc<Monitor>,
}

impl ManagerServices {
    pub(crate) fn new(handlers: Arc<Handlers>, monitor: Arc<Monitor>) -> Self {
        Self { host: OnceLock::new(), handlers, monitor }
    }

    /// Connects it, once the host stands.
    pub(crate) fn connect(&self, host: &Arc<PluginHost>) {
        let _ = self.host.set(Arc::downgrade(host));
    }

    /// A call that goes to a plugin of this manager.
    fn outgoing(&self, call: ServiceCall<'_>) -> Result<Outgoing> {
        let host = self.host.get().and_then(Weak::upgrade).ok_or_else(|| {
            Error::new(ErrorKind::State, "the plugin manager does not exist any more")
        })?;
        Ok(Outgoing::new(host, call))
    }
}

impl Services for ManagerServices {
    fn publish(&self, source: &str, name: &str, data: Tape) -> Result<()> {
        if !self.handlers.subscriptions.any() {
            return Ok(());
        }
        let (handlers, source, name) =
            (Arc::clone(&self.handlers), source.to_owned(), name.to_owned());
        background::submit(move || handlers.deliver_queued(&name, &source, &data))
    }

    fn subscribe(&self, pattern: &str, subscriber: Subscriber) -> Result<Undo> {
        let pattern = Pattern::parse(pattern)?;
        let id =
            self.handlers.subscriptions.subscribe(pattern, Handler::Native(Arc::new(subscriber)));
        let handlers = Arc::downgrade(&self.handlers);
        Ok(Box::new(move || {
            if let Some(handlers) = handlers.upgrade() {
                handlers.subscriptions.remove(&[id]);
            }
        }))
    }

    fn metrics(&self, plugin: &str) -> Arc<Metrics> {
        self.monitor.metrics(plugin)
    }

    fn call(&self, call: ServiceCall<'_>) -> Result<ResultTape> {
        self.outgoing(call)?.wait()
    }

    fn start(&self, call: ServiceCall<'_>, done: Done) -> Result<Undo> {
        self.outgoing(call)?.start(done)
    }
}
