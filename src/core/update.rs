//! Changing the configuration of plugins while they run.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::config::{changes, lay_over};
use crate::entry::Entry;
use crate::flight::Flight;
use crate::patience::Patience;
use crate::replace::MAX_OVERLAP;
use crate::{
    Change, Class, Config, Environment, Error, ErrorKind, Event, Host, Instance, PluginState,
    Result, Settings,
};

impl<C: Class> Host<C> {
    /// Lays `config` over what is configured for the plugin alone; returns the paths of what is
    /// different then, none if everything has the value already.
    ///
    /// It is checked before anybody is told. A running plugin takes it over by `reconfigure`, called
    /// once, or is replaced by an instance that was started with it; `enabled` switches it off or on.
    ///
    /// # Errors
    /// `Config` for a configuration that does not fit, or what kept the plugin from taking it over.
    /// The old one stays in force then.
    pub fn update_config(&self, plugin: &str, config: &Map<String, Value>) -> Result<Vec<String>> {
        let _turn = self.take_turn("update_config")?;
        let entry = self.entry(plugin)?;
        let mut settings = Settings::clone(&self.settings.load());
        let mut own = settings.get(plugin).cloned().unwrap_or_default();
        lay_over(&mut own, config);
        settings.set(plugin, own);
        let changed = self.adopt(&entry, &settings)?;
        self.settings.store(Arc::new(settings));
        self.see_off(Some(plugin))?;
        Ok(changed)
    }

    /// Adds to the user's settings; what these say already goes before.
    ///
    /// # Errors
    /// The first one of [`update_config`](Self::update_config)'s, of a plugin that is there and does
    /// not take its new configuration over; the settings are what they were then.
    pub fn add_settings(&self, added: &Settings) -> Result<()> {
        let _turn = self.take_turn("add_config")?;
        let mut settings = Settings::clone(&self.settings.load());
        settings.add(added);
        for entry in self.entries.load_full().values() {
            let category = entry.registered.info.category;
            if added.scopes(category, entry.name()).next().is_some() {
                self.adopt(entry, &settings)?;
            }
        }
        self.settings.store(Arc::new(settings));
        Ok(())
    }

    /// Replaces the user's settings as a whole, but for what was added to them; returns what is
    /// different then, by plugin.
    ///
    /// # Errors
    /// Those of [`update_config`](Self::update_config), together, after all plugins have had their
    /// turn; a plugin that does not take its new configuration over goes on with the old one.
    pub fn update_settings(&self, mut settings: Settings) -> Result<Vec<(String, Vec<String>)>> {
        let _turn = self.take_turn("reload_config")?;
        settings.keep_added(&self.settings.load());
        let (mut changed, mut errors) = (Vec::new(), Vec::new());
        for entry in self.entries.load_full().values() {
            match self.adopt(entry, &settings) {
                Ok(paths) if paths.is_empty() => {}
                Ok(paths) => changed.push((entry.name().to_owned(), paths)),
                Err(error) => errors.push(error),
            }
        }
        self.settings.store(Arc::new(settings));
        errors.extend(self.see_off(None).err());
        let headline = "some plugins keep their old configuration";
        Error::join(ErrorKind::Config, headline, errors).map_or(Ok(changed), Err)
    }

    /// Gives one plugin its configuration according to `settings`.
    fn adopt(&self, old: &Arc<Entry<C>>, settings: &Settings) -> Result<Vec<String>> {
        let mut fresh = self.enroll(&old.registered, settings, &Environment::of_process());
        let changes = difference(old, fresh.usable_config()?);
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let is_switched = changes.iter().any(|change| change.path == "enabled");
        match old.state.get() {
            _ if fresh.state.get() == PluginState::Disabled => {
                if old.instance.load().is_some() {
                    self.stop_in_turn(Some(old), false)?;
                }
                self.swap(old, &Arc::new(fresh));
            }
            PluginState::Running => self.hand_over(old, fresh, &changes)?,
            PluginState::Registered => self.swap(old, &Arc::new(fresh)),
            PluginState::Disabled if is_switched => self.swap(old, &Arc::new(fresh)),
            state if state == PluginState::Disabled || old.usable_config().is_ok() => {
                fresh.continue_from(old, state);
                self.swap(old, &Arc::new(fresh));
            }
            _ => self.swap(old, &Arc::new(fresh)), // it had failed for its configuration
        }
        let paths: Vec<_> = changes.into_iter().map(|change| change.path).collect();
        self.announce_update(old.name(), &paths);
        Ok(paths)
    }

    /// Lets a running plugin take over its new configuration, or another instance the plugin.
    fn hand_over(
        &self,
        old: &Arc<Entry<C>>,
        mut fresh: Entry<C>,
        changes: &[Change],
    ) -> Result<()> {
        let Some(instance) = old.running() else { return Err(old.not_running()) };
        let config = fresh.usable_config()?;
        let reconfigured = self.reconfigure(old, instance.as_ref(), config, changes);
        if !reconfigured.map_err(|error| error.with_plugin(old.name()))? {
            drop(instance); // it would count as a call of the old one
            return self.replace(old, fresh, MAX_OVERLAP);
        }
        instance.show_config(config)?;
        fresh.continue_from(old, PluginState::Running);
        self.swap(old, &Arc::new(fresh));
        // A call that found the old entry just before must not come in through it after a stop.
        old.advance(PluginState::Stopping)?;
        old.instance.store(None);
        Ok(())
    }

    /// Has an instance take its new configuration over, if it can; it may take as long as an
    /// initialize.
    fn reconfigure(
        &self,
        entry: &Entry<C>,
        instance: &C::Instance,
        config: &Config,
        changes: &[Change],
    ) -> Result<bool> {
        let Some(limit) = entry.limits_of(instance).initialize else {
            return instance.reconfigure(config, changes);
        };
        let begin = |done| instance.begin_reconfigure(config, changes, done);
        let plugin = entry.name().to_owned();
        let late = move |_: Result<bool>| {
            tracing::warn!(
                target: "zerepy_plugins.config", plugin,
                "a reconfigure ended after its limit: the plugin may use settings that are not in force"
            );
        };
        let (mut flight, receiver) = Flight::awaited(entry, "reconfigure", limit, begin, late)?;
        flight.wait(&receiver, &mut Patience::new(self.threads.as_ref())).map_err(|error| {
            if error.kind() != ErrorKind::Timeout {
                return error;
            }
            error.with_hint(
                "The old settings stay in force, but the plugin may have taken over some of the new \
                 ones: reload it to be sure; or raise the limit, \"timeout\" under \"options\"",
            )
        })
    }

    fn announce_update(&self, plugin: &str, paths: &[String]) {
        let changed = paths.join(", ");
        tracing::info!(target: "zerepy_plugins.config", plugin, changed, "configuration changed");
        if self.watch.events.listening() {
            self.watch.events.publish(&Event {
                name: "plugin.reconfigured".to_owned(),
                data: json!({ "plugin": plugin, "changed": paths }),
                source: "host".to_owned(),
            });
        }
    }
}

/// What is new in `config`; everything, if there was no valid configuration before.
fn difference<C: Class>(old: &Entry<C>, config: &crate::Config) -> Vec<Change> {
    let nothing = Value::Object(Map::new());
    let before = old.usable_config().map_or(&nothing, |config| &config.value);
    changes(before, &config.value)
}
