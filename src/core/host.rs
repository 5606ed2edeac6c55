//! The host: plugins by name, their lifecycle, their calls.
//!
//! Starting stands in `start.rs` and `launch.rs`, stopping in `stop.rs`, trying again in `retry.rs`,
//! taking plugins in in `accept.rs`.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde_json::json;

use crate::call::Watch;
use crate::entry::Entry;
use crate::health::Probe;
use crate::replace::Replaced;
use crate::supervisor::Supervisor;
use crate::turn::{Held, Turn};
use crate::{
    Call, Class, Config, Error, ErrorKind, Event, EventSink, Failure, Hooks, Kind, Limits, Monitor,
    PluginInfo, PluginState, Registry, Result, Settings, SnapshotStore, Supervision, Threads,
    suggestion,
};

/// A call follows so many replacements of its plugin that overtake it, one after the other.
const MAX_SUCCESSORS: usize = 16;

pub(crate) type Entries<C> = IndexMap<String, Arc<Entry<C>>, foldhash::fast::RandomState>;

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
    /// Where plugins' states are kept from one run to the next, if anywhere.
    pub snapshots: Option<SnapshotStore>,
    /// How long plugins may take.
    pub limits: Limits,
    /// How running plugins are watched over.
    pub supervision: Supervision,
    /// The threads it runs on.
    pub threads: Arc<dyn Threads>,
}

/// The plugins of one application. Safe to share; no lock is held while a plugin runs.
pub struct Host<C: Class> {
    pub(crate) registry: Arc<Registry<C>>,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) environment: C::Environment,
    pub(crate) hooks: Hooks<C::Hooks>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) snapshots: Option<SnapshotStore>,
    pub(crate) entries: ArcSwap<Entries<C>>, // calls read it without a lock
    pub(crate) homeless: Mutex<Vec<Arc<Failure>>>, // failures of what never became an entry
    pub(crate) warned_of: Mutex<HashSet<String>>, // names in the settings that do not exist
    pub(crate) started: Mutex<Vec<Arc<Entry<C>>>>, // in the order they came up
    pub(crate) turn: Turn,
    pub(crate) limits: Limits,
    pub(crate) threads: Arc<dyn Threads>,
    pub(crate) supervision: Supervision,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) probes: Mutex<Vec<Probe<C>>>, // questions of the patrol that are not answered yet
    pub(crate) replaced: Mutex<Vec<Replaced<C>>>, // instances whose last calls have not ended yet
    pub(crate) me: Weak<Self>, // for the supervisor's thread, which must not keep it alive
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
    /// Why it is not well though it runs: what the last check found, or that it is wedged.
    pub complaint: Option<String>,
    /// Why it is failed, skipped or retrying.
    pub failure: Option<Arc<Failure>>,
}

impl Status {
    /// Whether it is running, not wedged, and was well when it was last asked.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.state == PluginState::Running && self.complaint.is_none()
    }
}

impl<C: Class> Host<C> {
    /// A host without plugins.
    pub fn new(parts: Parts<C>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            registry: parts.registry,
            settings: ArcSwap::from_pointee(parts.settings),
            environment: parts.environment,
            hooks: Hooks::default(),
            watch: Arc::new(Watch { monitor: parts.monitor, events: parts.events }),
            snapshots: parts.snapshots,
            entries: ArcSwap::default(),
            homeless: Mutex::default(),
            warned_of: Mutex::default(),
            started: Mutex::default(),
            turn: Turn::default(),
            limits: parts.limits,
            threads: parts.threads,
            supervision: parts.supervision,
            supervisor: Arc::default(),
            probes: Mutex::default(),
            replaced: Mutex::default(),
            me: Weak::clone(me),
        })
    }

    /// What every plugin is given.
    pub fn environment(&self) -> &C::Environment {
        &self.environment
    }

    /// The hooks that see every plugin.
    pub fn hooks(&self) -> &Hooks<C::Hooks> {
        &self.hooks
    }

    /// Counts a call of `action` in, or says why the plugin takes none.
    pub fn admit<A: AsRef<str>>(&self, plugin: &str, action: A) -> Result<Call<'static, C, A>> {
        let entries = self.entries.load();
        let entry = entries.get(plugin).ok_or_else(|| unknown(plugin, &entries))?;
        match entry.admit(action.as_ref()) {
            Ok(admitted) => Ok(Call::kept(entry, admitted, action)),
            Err(error) => self.admit_successor(entry, error, action),
        }
    }

    /// The same for a call that ends where it begins: `run` is lent what it calls, which costs less.
    pub fn with_call<T>(
        &self,
        plugin: &str,
        action: &str,
        run: impl FnOnce(Call<'_, C, &str>) -> T,
    ) -> Result<T> {
        let entries = self.entries.load();
        let entry = entries.get(plugin).ok_or_else(|| unknown(plugin, &entries))?;
        match entry.admit(action) {
            Ok(mut admitted) => Ok(run(Call::lent(entry, &mut admitted, action))),
            Err(error) => self.admit_successor(entry, error, action).map(run),
        }
    }

    /// A call that came in while `entry` was being replaced goes to what replaced it, and on if that
    /// was replaced meanwhile, too.
    #[cold]
    fn admit_successor<A: AsRef<str>>(
        &self,
        entry: &Arc<Entry<C>>,
        mut refusal: Error,
        action: A,
    ) -> Result<Call<'static, C, A>> {
        let mut refused = Arc::clone(entry);
        for _ in 0..MAX_SUCCESSORS {
            let newest = self.entries.load().get(refused.name()).map(Arc::clone);
            let Some(successor) = newest.filter(|newest| !Arc::ptr_eq(newest, &refused)) else {
                break;
            };
            match successor.admit(action.as_ref()) {
                Ok(admitted) => return Ok(Call::kept(&successor, admitted, action)),
                Err(error) => (refused, refusal) = (successor, error),
            }
        }
        Err(refusal)
    }

    /// Whether a failed call of the plugin may have to be repeated, so that what it needs is kept.
    pub fn may_repeat(&self, plugin: &str) -> bool {
        self.entries.load().get(plugin).is_some_and(|entry| entry.rules.is_some())
    }

    /// How long to wait before a call that failed is repeated, if it is to be, after so many
    /// repetitions: only one that did nothing, or that its action says may be done twice.
    pub fn repeat(
        &self,
        plugin: &str,
        action: &str,
        error: &Error,
        repeated: u32,
    ) -> Option<Duration> {
        let entry = self.entry(plugin).ok()?;
        entry.rules.as_ref()?.repeat(action, error, repeated)
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

    /// How many calls are running.
    pub fn in_flight(&self) -> u64 {
        self.entries.load().values().map(|entry| entry.usage.in_flight()).sum()
    }

    /// Every plugin's state, in the order they were taken in.
    pub fn status(&self) -> Vec<Status> {
        self.entries.load().values().map(|entry| entry.status()).collect()
    }

    /// One plugin's state and configuration; the configuration is `None` if it is invalid.
    pub fn describe(&self, plugin: &str) -> Result<(Status, Option<Config>)> {
        let entry = self.entry(plugin)?;
        Ok((entry.status(), entry.config.clone().ok()))
    }

    /// What failed, oldest first: what was never taken in, then plugins that are failed or skipped.
    pub fn failures(&self) -> Vec<Arc<Failure>> {
        let mut failures = self.homeless.lock().clone();
        failures.extend(self.entries.load().values().filter_map(|entry| entry.failure()));
        failures
    }

    /// Switches a plugin off: it is not started any more. One that runs, or that failed to clean
    /// up, is stopped first; if that fails it is not switched off.
    pub fn disable(&self, plugin: &str) -> Result<()> {
        let _turn = self.take_turn("disable")?;
        let entry = self.entry(plugin)?;
        if entry.instance.load().is_some() {
            self.stop_in_turn(Some(&entry), false)?;
        }
        entry.want_no_more();
        match entry.state.get() {
            PluginState::Disabled => Ok(()),
            _ => self.move_to(&entry, PluginState::Disabled),
        }
    }

    /// Switches a disabled plugin on again, so that it can be started; one whose configuration is
    /// invalid stays disabled, and the error says what to mend.
    pub fn enable(&self, plugin: &str) -> Result<()> {
        let _turn = self.take_turn("enable")?;
        let entry = self.entry(plugin)?;
        if entry.state.get() != PluginState::Disabled {
            return Ok(());
        }
        entry.usable_config()?;
        self.move_to(&entry, PluginState::Registered)
    }

    /// Waits until nobody else changes plugins.
    pub(crate) fn take_turn(&self, operation: &'static str) -> Result<Held<'_>> {
        self.turn.take(operation, self.threads.as_ref())
    }

    pub(crate) fn entry(&self, plugin: &str) -> Result<Arc<Entry<C>>> {
        let entries = self.entries.load();
        entries.get(plugin).map(Arc::clone).ok_or_else(|| unknown(plugin, &entries))
    }

    /// Moves a plugin's state and tells everybody. What made it fail before is over.
    pub(crate) fn move_to(&self, entry: &Entry<C>, next: PluginState) -> Result<()> {
        let previous = entry.advance(next)?;
        entry.set_failure(None);
        self.announce(entry, previous, next);
        Ok(())
    }

    /// Moves a plugin to failed or skipped, and keeps why.
    pub(crate) fn fail(&self, entry: &Entry<C>, failure: Failure, next: PluginState) {
        let again = entry.state.get() == next;
        match if again { Ok(next) } else { entry.advance(next) } {
            Ok(previous) => {
                entry.set_failure(Some(Arc::new(failure)));
                self.announce(entry, previous, next);
            }
            Err(error) => {
                let plugin = entry.name();
                tracing::error!(target: "zerepy_plugins.lifecycle", plugin, %error, "state not changed");
            }
        }
    }

    /// Tells everybody that a plugin moved.
    pub(crate) fn announce(&self, entry: &Entry<C>, previous: PluginState, next: PluginState) {
        let (plugin, failure) = (entry.name(), entry.failure());
        if let Some(failure) = &failure {
            let (stage, error) = (failure.stage.as_str(), &failure.error);
            if next == PluginState::Retrying {
                tracing::warn!(target: "zerepy_plugins.lifecycle", plugin, %error, "plugin {next}");
            } else {
                tracing::error!(target: "zerepy_plugins.lifecycle", plugin, stage, %error, "plugin {next}");
            }
        } else {
            tracing::debug!(target: "zerepy_plugins.lifecycle", plugin, from = %previous, to = %next, "state");
        }
        if self.watch.events.listening() {
            let error = failure.map(|failure| failure.error.to_string());
            self.watch.events.publish(&Event {
                name: format!("plugin.{next}"),
                data: json!({ "plugin": plugin, "from": previous.as_str(), "error": error }),
                source: "host".to_owned(),
            });
        }
    }
}

impl<C: Class> Drop for Host<C> {
    fn drop(&mut self) {
        self.supervisor.dismiss();
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
