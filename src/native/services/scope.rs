//! A plugin instance as its services know it: by a number that is never used again.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use parking_lot::{Mutex, RwLock};
use zerepy_core::{Error, ErrorKind, Result};

use super::{Services, Undo};
use crate::fork;

static SCOPES: LazyLock<RwLock<HashMap<u64, Weak<Scope>>>> = LazyLock::new(RwLock::default);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// One instance: where it lives, and what it has asked for that has to end with it.
pub(crate) struct Scope {
    number: u64,
    generation: u32,
    plugin: String,
    home: OnceLock<Home>,
    open: AtomicBool,
    subscriptions: Mutex<HashMap<u64, Undo>>,
}

/// The host that an instance belongs to, and its name there.
pub(crate) struct Home {
    pub(crate) services: Arc<dyn Services>,
    pub(crate) plugin: String,
}

impl Scope {
    /// Of a new instance of `plugin`, for which nothing is done yet.
    pub(crate) fn new(plugin: &str) -> Arc<Self> {
        let scope = Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            generation: fork::generation(),
            plugin: plugin.to_owned(),
            home: OnceLock::new(),
            open: AtomicBool::new(false),
            subscriptions: Mutex::default(),
        });
        SCOPES.write().insert(scope.number, Arc::downgrade(&scope));
        scope
    }

    pub(crate) fn find(number: u64) -> Result<Arc<Self>> {
        let found = SCOPES.read().get(&number).and_then(Weak::upgrade);
        found.ok_or_else(|| {
            let message = "the host serves no such plugin instance (any more)";
            Error::new(ErrorKind::State, message)
                .with_hint("Ask for the host within a call, and keep it no longer than the plugin")
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Its name in its host.
    pub(crate) fn plugin(&self) -> &str {
        self.home.get().map_or(&self.plugin, |home| &home.plugin)
    }

    /// Its host; whether it was the first one.
    pub(crate) fn settle(&self, services: Arc<dyn Services>, plugin: &str) -> bool {
        self.home.set(Home { services, plugin: plugin.to_owned() }).is_ok()
    }

    /// What does something for it, as long as it is initialized.
    pub(crate) fn home(&self) -> Result<&Home> {
        if self.generation != fork::generation() {
            return Err(self.refused("was created before this process was forked"));
        }
        let Some(home) = self.home.get() else {
            return Err(self.refused("is not run by a manager, so there is nobody to ask"));
        };
        if self.is_open() { Ok(home) } else { Err(self.refused("is not initialized (any more)")) }
    }

    /// Which host it is in; 0 if in none.
    pub(crate) fn home_address(&self) -> usize {
        self.home.get().map_or(0, |home| Arc::as_ptr(&home.services).addr())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Nothing more is done for it, and what it forgot to end is ended.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
        let forgotten = std::mem::take(&mut *self.subscriptions.lock());
        for undo in forgotten.into_values() {
            undo();
        }
    }

    /// Keeps what ends a subscription.
    pub(crate) fn keep(&self, undo: Undo) -> u64 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.subscriptions.lock().insert(number, undo);
        if !self.is_open() {
            self.end(number); // it was closed meanwhile
        }
        number
    }

    /// Ends a subscription; a second time, nothing happens.
    pub(crate) fn end(&self, number: u64) {
        let undo = self.subscriptions.lock().remove(&number);
        if let Some(undo) = undo {
            undo();
        }
    }

    #[cold]
    fn refused(&self, why: &str) -> Error {
        let plugin = self.plugin();
        let message = format!("the host does nothing for this instance of {plugin:?}: it {why}");
        Error::new(ErrorKind::State, message).with_plugin(plugin)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({}, {:?})", self.number, self.plugin())
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        SCOPES.write().remove(&self.number);
    }
}
