//! The host: plugins by name, their lifecycle, their calls.
//!
//! Starting stands in `start.rs`, stopping in `stop.rs`, taking plugins in in `accept.rs`.

use std::sync::Arc;

use arc_swap::ArcSwap;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde_json::json;

use crate::call::Watch;
use crate::entry::Entry;
use crate::turn::Turn;
use crate::{
    Call, Class, Config, Error, ErrorKind, Event, EventSink, Failure, Hooks, Kind, Monitor,
    PluginInfo, PluginState, Registry, Result, Settings, suggestion,
};

pub(crate) type Entries<C> = IndexMap<String, Arc<Entry<C>>>;

/// What a host is built from.
pub struct Parts<C: Class> {
    /// Where the classes stand; several hosts may share one.
    pub registry: Arc<Registry<C>>,
    /// The user's configuration.
    pub settings: Settings,
    /// Given to every plugin.
    pub environment: C::Environment,
    /// Where calls are counted.
    pub monitor: Arc<Monitor>,
    /// Where the host's events go.
    pub events: Arc<dyn EventSink>,
}

/// The plugins of one application. Safe to share; no lock is held while a plugin runs.
pub struct Host<C: Class> {
    pub(crate) registry: Arc<Registry<C>>,
    pub(crate) settings: Settings,
    pub(crate) environment: C::Environment,
    pub(crate) hooks: Hooks<C::Instance>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) entries: ArcSwap<Entries<C>>, // calls read it without a lock
    pub(crate) homeless: Mutex<Vec<Arc<Failure>>>, // failures of what never became an entry
    pub(crate) started: Mutex<Vec<Arc<Entry<C>>>>, // in the order they came up
    pub(crate) turn: Turn,
}

/// One plugin's state, as shown to users.
#[derive(Debug)]
pub struct Status {
    /// What is known of the plugin.
    pub info: PluginInfo,
    /// What it is written in.
    pub kind: Kind,
    /// Where it came from.
    pub origin: String,
    /// Where in its life it is.
    pub state: PluginState,
    /// Why it is failed or skipped.
    pub failure: Option<Arc<Failure>>,
}

impl<C: Class> Host<C> {
    /// A host without plugins.
    pub fn new(parts: Parts<C>) -> Self {
        Self {
            registry: parts.registry,
            settings: parts.settings,
            environment: parts.environment,
            hooks: Hooks::default(),
            watch: Arc::new(Watch { monitor: parts.monitor, events: parts.events }),
            entries: ArcSwap::default(),
            homeless: Mutex::default(),
            started: Mutex::default(),
            turn: Turn::default(),
        }
    }

    /// The hooks that see every plugin.
    pub fn hooks(&self) -> &Hooks<C::Instance> {
        &self.hooks
    }

    /// Counts a call of `action` in, or says why the plugin takes none.
    pub fn admit(&self, plugin: &str, action: &str) -> Result<Call<C>> {
        let entries = self.entries.load();
        let entry = entries.get(plugin).ok_or_else(|| unknown(plugin, &entries))?;
        let instance = entry.admit()?;
        Ok(Call::begin(Arc::clone(entry), instance, &self.watch, action))
    }

    /// The running plugin of that name.
    pub fn instance(&self, plugin: &str) -> Result<Arc<C::Instance>> {
        let entry = self.entry(plugin)?;
        entry.running().ok_or_else(|| entry.not_running())
    }

    /// The names of the running plugins, in the order they started.
    pub fn running(&self) -> Vec<String> {
        let started = self.started.lock();
        let running = started.iter().filter(|entry| entry.state.get() == PluginState::Running);
        running.map(|entry| entry.name().to_owned()).collect()
    }

    /// Every plugin's state, in the order they were taken in.
    pub fn status(&self) -> Vec<Status> {
        self.entries.load().values().map(|entry| entry.status()).collect()
    }

    /// One plugin's state and configuration; the configuration is `None` if it is invalid.
    pub fn describe(&self, plugin: &str) -> Result<(Status, Option<Config>)> {
        let entry = self.entry(plugin)?;
        Ok((entry.status(), entry.config.clone()))
    }

    /// What failed, oldest first: what was never taken in, then plugins that are failed or skipped.
    pub fn failures(&self) -> Vec<Arc<Failure>> {
        let mut failures = self.homeless.lock().clone();
        failures.extend(self.entries.load().values().filter_map(|entry| entry.failure()));
        failures
    }

    /// Switches a stopped plugin off: it is not started any more. A running one is stopped first.
    pub fn disable(&self, plugin: &str) -> Result<()> {
        if self.entry(plugin)?.state.get() == PluginState::Running {
            self.stop(Some(plugin), false)?;
        }
        let entry = self.entry(plugin)?;
        if entry.state.get() != PluginState::Disabled {
            self.move_to(&entry, PluginState::Disabled)?;
            entry.set_failure(None);
        }
        Ok(())
    }

    /// Switches a disabled plugin on again, so that it can be started.
    pub fn enable(&self, plugin: &str) -> Result<()> {
        let entry = self.entry(plugin)?;
        if entry.state.get() == PluginState::Disabled {
            self.move_to(&entry, PluginState::Registered)?;
        }
        Ok(())
    }

    pub(crate) fn entry(&self, plugin: &str) -> Result<Arc<Entry<C>>> {
        let entries = self.entries.load();
        entries.get(plugin).map(Arc::clone).ok_or_else(|| unknown(plugin, &entries))
    }

    /// Moves a plugin's state and tells everybody.
    pub(crate) fn move_to(&self, entry: &Entry<C>, next: PluginState) -> Result<()> {
        let previous = entry.advance(next)?;
        let plugin = entry.name();
        tracing::debug!(target: "zerepy_plugins.lifecycle", plugin, from = %previous, to = %next, "state");
        if self.watch.events.listening() {
            let failure = entry.failure().map(|failure| failure.error.to_string());
            self.watch.events.publish(&Event {
                name: format!("plugin.{next}"),
                data: json!({ "plugin": plugin, "from": previous.as_str(), "error": failure }),
                source: "host".to_owned(),
            });
        }
        Ok(())
    }

    /// Records why a plugin failed, then moves it.
    pub(crate) fn fail(&self, entry: &Entry<C>, failure: Failure, next: PluginState) {
        let plugin = entry.name();
        let (stage, error) = (failure.stage.as_str(), &failure.error);
        tracing::error!(target: "zerepy_plugins.lifecycle", plugin, stage, %error, "plugin {next}");
        entry.set_failure(Some(Arc::new(failure)));
        if let Err(error) = self.move_to(entry, next) {
            tracing::error!(target: "zerepy_plugins.lifecycle", plugin, %error, "state not changed");
        }
    }
}

fn unknown<C: Class>(plugin: &str, entries: &Entries<C>) -> Error {
    Error::new(ErrorKind::NotFound, format!("no plugin is called {plugin:?}"))
        .with_plugin(plugin)
        .with_hint(suggestion(plugin, entries.keys().map(String::as_str)))
}

impl EventSink for () {
    fn listening(&self) -> bool {
        false
    }

    fn publish(&self, _event: &Event) {}
}
