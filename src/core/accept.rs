//! Taking plugins in: from what was found, and from what was registered by hand.

use std::collections::HashSet;
use std::sync::Arc;

use crate::entry::Entry;
use crate::host::Entries;
use crate::registry::duplicate;
use crate::{
    Class, Environment, Failure, Host, PluginState, Registered, Settings, Stage, effective_config,
    suggestion,
};

impl<C: Class> Host<C> {
    /// Registers what was found and takes in everything the registry holds. Nothing is started.
    ///
    /// What is broken or has a name that is taken becomes a failure. Calling it again takes in
    /// only what is new; what is found again is left as it is.
    pub fn accept(&self, found: Vec<Registered<C>>, failures: Vec<Failure>) {
        let tried = found.iter().map(|plugin| &plugin.origin);
        let tried = tried.chain(failures.iter().map(|failure| &failure.origin));
        let tried: HashSet<_> = tried.cloned().collect();
        let mut failures = failures;
        failures.extend(self.register(found));
        let (fresh, conflicts) = self.enlist();
        failures.extend(conflicts);
        self.record(failures, &tried);
        for entry in fresh {
            self.announce(&entry, PluginState::Discovered, entry.state.get());
        }
    }

    /// What the settings want made and is not there yet: names, each with its plugin type.
    pub fn to_be_made(&self) -> Vec<(String, String)> {
        let (entries, settings) = (self.entries.load(), self.settings.load());
        let missing = settings.made().filter(|(name, _)| !entries.contains_key(*name));
        missing.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
    }

    /// Warns of settings for plugins that do not exist, of each name once.
    ///
    /// To be called when everything has been taken in: what is unknown may still come before.
    pub fn check_settings(&self) {
        let (entries, settings) = (self.entries.load(), self.settings.load());
        let homeless = self.homeless.lock().clone();
        let broken = homeless.iter().filter_map(|failure| failure.plugin.as_deref());
        let known: HashSet<_> = entries.keys().map(String::as_str).chain(broken).collect();
        let unknown: Vec<_> = settings.plugins().filter(|name| !known.contains(name)).collect();
        for name in unknown {
            if self.warned_of.lock().insert(name.to_owned()) {
                let hint = suggestion(name, entries.keys());
                tracing::warn!(
                    target: "zerepy_plugins.config", plugin = name,
                    "the configuration is for a plugin {name:?} that does not exist. {hint}"
                );
            }
        }
    }

    /// Registers what is not registered yet; returns what has a name that is taken.
    fn register(&self, found: Vec<Registered<C>>) -> Vec<Failure> {
        let known = self.registry.list(None);
        let known: HashSet<_> = known.iter().map(|plugin| identity(plugin)).collect();
        let is_new = |plugin: &Registered<C>| !known.contains(&identity(plugin));
        let register = |plugin: Registered<C>| {
            let (name, origin) = (plugin.info.name.clone(), plugin.origin.clone());
            let error = self.registry.register(plugin, false).err()?;
            Some(Failure { stage: Stage::Validate, plugin: Some(name), origin, error })
        };
        found.into_iter().filter(is_new).filter_map(register).collect()
    }

    /// Makes entries for what the registry holds: the new ones, and what another one stands in the
    /// way of. They are complete before anybody can see them.
    fn enlist(&self) -> (Vec<Arc<Entry<C>>>, Vec<Failure>) {
        let (registered, environment) = (self.registry.list(None), Environment::of_process());
        let settings = self.settings.load_full();
        let (mut fresh, mut conflicts) = (Vec::new(), Vec::new());
        self.entries.rcu(|entries| {
            (fresh, conflicts) = (Vec::new(), Vec::new()); // another thread was faster: once more
            let mut entries = Entries::clone(entries);
            for plugin in &registered {
                let name = &plugin.info.name;
                match entries.get(name) {
                    None => {
                        let entry = Arc::new(self.enroll(plugin, &settings, &environment));
                        fresh.push(Arc::clone(&entry));
                        entries.insert(name.clone(), entry);
                    }
                    Some(entry) if identity(&entry.registered) == identity(plugin) => {}
                    Some(entry) => conflicts.push(conflict(plugin, &entry.registered)),
                }
            }
            entries
        });
        (fresh, conflicts)
    }

    /// A new entry: accepted, disabled, or failed for its configuration.
    pub(crate) fn enroll(
        &self,
        plugin: &Arc<Registered<C>>,
        settings: &Settings,
        environment: &Environment,
    ) -> Entry<C> {
        let config = effective_config(&plugin.info, &plugin.defaults, settings, environment);
        let state = match &config {
            Ok(config) if config.enabled => PluginState::Registered,
            Ok(_) => PluginState::Disabled,
            Err(_) => PluginState::Failed,
        };
        let entry = Entry::new(Arc::clone(plugin), config, &self.watch, self.limits);
        if let Err(error) = &entry.config {
            let failure = entry.fail(Stage::Validate, error.clone());
            entry.set_failure(Some(Arc::new(failure)));
        }
        entry.advance(state).expect("a discovered plugin may become any of the three");
        entry
    }

    /// Keeps failures of what became no entry, in place of what failed where it was tried again.
    fn record(&self, failures: Vec<Failure>, tried: &HashSet<String>) {
        let failures: Vec<_> = failures.into_iter().map(Arc::new).collect();
        let mut known = self.homeless.lock();
        let is_told =
            |new: &Failure| known.iter().any(|old| is_about_the_same(old, new) && says(old, new));
        let news: Vec<_> = failures.iter().filter(|new| !is_told(new)).map(Arc::clone).collect();
        known.retain(|old| {
            let again = failures.iter().any(|new| is_about_the_same(old, new));
            !again && !tried.contains(&old.origin)
        });
        known.extend(failures);
        drop(known);
        for failure in news {
            let (origin, error) = (&failure.origin, &failure.error);
            tracing::error!(target: "zerepy_plugins.discovery", origin, %error, "plugin left out");
        }
    }
}

/// What makes two registrations the same plugin, found twice.
fn identity<C>(plugin: &Registered<C>) -> (crate::Category, &str, &str) {
    (plugin.info.category, &plugin.info.name, &plugin.origin)
}

fn conflict<C>(plugin: &Registered<C>, other: &Registered<C>) -> Failure {
    let (name, origin) = (plugin.info.name.clone(), plugin.origin.clone());
    let error = duplicate(&name, &origin, &other.origin);
    Failure { stage: Stage::Validate, plugin: Some(name), origin, error }
}

fn is_about_the_same(old: &Failure, new: &Failure) -> bool {
    old.origin == new.origin && old.plugin == new.plugin
}

fn says(old: &Failure, new: &Failure) -> bool {
    old.error.message() == new.error.message()
}
