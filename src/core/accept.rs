//! Taking plugins in: from what was found, and from what was registered by hand.

use std::sync::Arc;

use crate::entry::Entry;
use crate::host::Entries;
use crate::registry::duplicate;
use crate::{Class, Environment, Failure, Host, PluginState, Registered, Stage, effective_config};

impl<C: Class> Host<C> {
    /// Registers what was found and takes in everything the registry holds. Nothing is started.
    ///
    /// What is broken or has a name that is taken becomes a failure. Calling it again takes in
    /// only what is new.
    pub fn accept(&self, found: Vec<Registered<C>>, failures: Vec<Failure>) {
        let mut homeless: Vec<_> = failures.into_iter().map(Arc::new).collect();
        for plugin in found {
            let (name, origin) = (plugin.info.name.clone(), plugin.origin.clone());
            if let Err(error) = self.registry.register(plugin, false) {
                homeless.push(Arc::new(Failure {
                    stage: Stage::Validate,
                    plugin: Some(name),
                    origin,
                    error,
                }));
            }
        }
        let mut entries = Entries::clone(&self.entries.load());
        for registered in self.registry.list(None) {
            let name = &registered.info.name;
            match entries.get(name) {
                None => {
                    entries.insert(name.clone(), self.enroll(registered));
                }
                Some(entry) if Arc::ptr_eq(&entry.registered, &registered) => {}
                Some(entry) => homeless.push(Arc::new(Failure {
                    stage: Stage::Validate,
                    plugin: Some(name.clone()),
                    origin: registered.origin.clone(),
                    error: duplicate(name, &registered.origin, &entry.registered.origin),
                })),
            }
        }
        for failure in &homeless {
            let (origin, error) = (&failure.origin, &failure.error);
            tracing::error!(target: "zerepy_plugins.discovery", origin, %error, "plugin left out");
        }
        self.entries.store(Arc::new(entries));
        let mut known = self.homeless.lock();
        known.retain(|old| homeless.iter().all(|new| new.origin != old.origin)); // tried again
        known.extend(homeless);
    }

    fn enroll(&self, registered: Arc<Registered<C>>) -> Arc<Entry<C>> {
        let usage = self.watch.monitor.usage(&registered.info.name);
        let config = effective_config(
            &registered.info,
            &registered.defaults,
            &self.settings,
            &Environment::of_process(),
        );
        let (config, error) = match config {
            Ok(config) => (Some(config), None),
            Err(error) => (None, Some(error)),
        };
        let enabled = config.as_ref().is_some_and(|config| config.enabled);
        let entry = Arc::new(Entry::new(registered, config, usage));
        match error {
            Some(error) => {
                self.fail(&entry, entry.fail(Stage::Validate, error), PluginState::Failed)
            }
            None => {
                let next = if enabled { PluginState::Registered } else { PluginState::Disabled };
                self.move_to(&entry, next).expect("a discovered plugin may become either");
            }
        }
        entry
    }
}
