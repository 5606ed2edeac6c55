//! The plugin that a view of a bus belongs to, and what it subscribed to through that view.
//!
//! It ends nothing by itself: the bus does, when the plugin is released.

use std::mem;

use parking_lot::Mutex;
use pyo3::prelude::*;
use zerepy_core::{Error, ErrorKind, Result, SubscriptionId};

use super::EventBus;

/// A view's plugin, and its subscriptions. Safe to share.
pub(super) struct Owner {
    /// The bus itself: the view keeps it, and what its handlers refer to is the bus's to show.
    pub(super) bus: Py<EventBus>,
    plugin: String,
    kept: Mutex<Kept>,
}

enum Kept {
    Open(Vec<SubscriptionId>),
    Released,
}

impl Owner {
    pub(super) fn new(bus: Py<EventBus>, plugin: String) -> Self {
        Self { bus, plugin, kept: Mutex::new(Kept::Open(Vec::new())) }
    }

    /// Subscribes and remembers it, unless the plugin was cleaned up. `subscribe` runs no Python.
    pub(super) fn keep(
        &self,
        subscribe: impl FnOnce() -> SubscriptionId,
    ) -> Result<SubscriptionId> {
        match &mut *self.kept.lock() {
            Kept::Open(kept) => {
                let id = subscribe();
                kept.push(id);
                Ok(id)
            }
            Kept::Released => Err(self.refusal()),
        }
    }

    /// Forgets subscriptions that ended.
    pub(super) fn forget(&self, ended: &[SubscriptionId]) {
        if let Kept::Open(kept) = &mut *self.kept.lock() {
            kept.retain(|id| !ended.contains(id));
        }
    }

    /// What is kept; nothing can be subscribed to any more.
    pub(super) fn release(&self) -> Vec<SubscriptionId> {
        match mem::replace(&mut *self.kept.lock(), Kept::Released) {
            Kept::Open(kept) => kept,
            Kept::Released => Vec::new(),
        }
    }

    fn refusal(&self) -> Error {
        let plugin = &self.plugin;
        let message = format!("plugin {plugin:?} was cleaned up and can acquire nothing any more");
        Error::new(ErrorKind::State, message)
            .with_plugin(plugin)
            .with_hint("End the threads that still use its context in cleanup()")
    }
}
