//! Reloading one plugin while everything else runs on.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::entry::Entry;
use crate::graph::{self, Node};
use crate::replace::MAX_OVERLAP;
use crate::{
    Class, Environment, Error, ErrorKind, Event, Host, PluginState, Registered, Result, Stage,
};

/// Loads the code of a plugin again; implemented by the bindings.
pub trait Reloader<C> {
    /// The plugin as its source is now; the code loaded before stays usable.
    fn load(&self, old: &Registered<C>) -> Result<Registered<C>, (Stage, Error)>;
    /// What was loaded took over, or is forgotten as if it had never been loaded.
    fn settle(&self, took_over: bool);
}

impl<C: Class> Host<C> {
    /// Replaces a plugin by what its source is now. One that runs is replaced by an instance that
    /// runs already, calls in flight end on the old one, and what it remembers is handed over. One
    /// that had failed, was skipped or is retrying, is started; any other is only registered anew.
    ///
    /// # Errors
    /// Whatever keeps the new one from taking over. The old one runs on then as if nothing had
    /// happened, and the failure is recorded. An interruption of the wait for calls in flight: the new
    /// one has taken over, and the old one is cleaned up when they end, or when the plugin is stopped.
    pub fn reload(&self, plugin: &str, reloader: &impl Reloader<C>) -> Result<()> {
        let was = self.reload_in_turn(plugin, reloader)?;
        if matches!(was, PluginState::Failed | PluginState::Skipped | PluginState::Retrying) {
            self.start(Some(plugin))?;
        }
        Ok(())
    }

    /// Returns the state that the plugin was in.
    fn reload_in_turn(&self, plugin: &str, reloader: &impl Reloader<C>) -> Result<PluginState> {
        let _turn = self.take_turn("reload")?;
        let old = self.entry(plugin)?;
        let was = old.state.get();
        if was != PluginState::Running && old.instance.load().is_some() {
            return Err(old.not_running());
        }
        let outcome = reloader.load(&old.registered).and_then(|registered| {
            let outcome = self.take_over(&old, registered);
            reloader.settle(outcome.is_ok());
            outcome
        });
        match outcome {
            Ok(version) => {
                self.announce_reload(&old, &version);
                self.see_off(Some(plugin))?;
            }
            Err((stage, error)) => {
                let failure = old.fail(stage, error);
                let error = failure.error.clone();
                tracing::error!(
                    target: "zerepy_plugins.lifecycle", plugin, stage = stage.as_str(), %error,
                    "not reloaded: the old one stays"
                );
                old.set_failure(Some(Arc::new(failure)));
                return Err(error);
            }
        }
        Ok(was)
    }

    /// Lets `registered` take the place of `old`; returns its version.
    fn take_over(
        &self,
        old: &Arc<Entry<C>>,
        registered: Registered<C>,
    ) -> Result<String, (Stage, Error)> {
        self.check_successor(old, &registered).map_err(|error| (Stage::Validate, error))?;
        let registered = Arc::new(registered);
        let (settings, environment) = (self.settings.load_full(), Environment::of_process());
        let mut fresh = self.enroll(&registered, &settings, &environment);
        fresh.usable_config().map_err(|error| (Stage::Validate, error))?;
        match old.state.get() {
            PluginState::Running => {
                self.replace(old, fresh, MAX_OVERLAP)
                    .map_err(|error| (Stage::Initialize, error))?;
            }
            state => {
                if state == PluginState::Disabled {
                    fresh.continue_from(old, state); // also if it was switched off by hand
                }
                self.swap(old, &Arc::new(fresh));
            }
        }
        let version = registered.info.version.clone();
        self.registry.put(registered);
        Ok(version)
    }

    /// It must be the same plugin, and what depends on each other must still fit.
    fn check_successor(&self, old: &Entry<C>, new: &Registered<C>) -> Result<()> {
        let (before, after) = (&old.registered.info, &new.info);
        if (before.category, &before.name) != (after.category, &after.name) {
            let message = format!(
                "it is the {} plugin {:?} now, it was the {} plugin {:?}",
                after.category, after.name, before.category, before.name
            );
            return Err(Error::new(ErrorKind::Config, message)
                .with_hint("Stop the old one, then let load_plugins() find the new one"));
        }
        let started = self.started.lock().clone();
        let others = started.iter().filter(|entry| entry.name() != before.name);
        let mut nodes: Vec<_> = others.map(|entry| entry.as_node()).collect();
        nodes.push(Node { name: &after.name, version: &after.version, requires: &after.requires });
        let resolution = graph::resolve(&nodes, &BTreeMap::new());
        let is_started = old.state.get() == PluginState::Running;
        let mut faults = resolution.broken.into_iter().chain(resolution.skipped);
        faults.find(|_| is_started).map_or(Ok(()), |(_, error)| Err(error))
    }

    fn announce_reload(&self, old: &Entry<C>, version: &str) {
        let (plugin, before) = (old.name(), &old.registered.info.version);
        tracing::info!(target: "zerepy_plugins.lifecycle", plugin, from = before, to = version, "reloaded");
        if self.watch.events.listening() {
            self.watch.events.publish(&Event {
                name: "plugin.reloaded".to_owned(),
                data: json!({ "plugin": plugin, "from": before, "to": version }),
                source: "host".to_owned(),
            });
        }
    }
}
