//! What the user configured: for all plugins, for a category, and for single ones.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::Category;
use crate::manifest::{Manifest, scope};

/// The user's configuration, by plugin. `Debug` shows names only.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    entries: IndexMap<String, Secretive>,
    made_by: IndexMap<String, String>,
    /// What gives way to these.
    added: Option<Box<Settings>>,
}

#[derive(Clone, Default)]
struct Secretive(Map<String, Value>);

impl std::fmt::Debug for Secretive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("{..}")
    }
}

impl Settings {
    /// The settings in a configuration document.
    #[must_use]
    pub fn new(document: Manifest) -> Self {
        let mut settings = Self::default();
        for entry in document.entries {
            if let Some(kind) = entry.made_by {
                settings.made_by.insert(entry.name.clone(), kind);
            }
            settings.entries.insert(entry.name, Secretive(entry.config));
        }
        settings
    }

    /// What is configured for the plugin alone.
    #[must_use]
    pub fn get(&self, plugin: &str) -> Option<&Map<String, Value>> {
        self.entries.get(plugin).map(|entry| &entry.0)
    }

    /// Replaces what is configured for the plugin alone; returns what was.
    pub fn set(&mut self, plugin: &str, config: Map<String, Value>) -> Option<Map<String, Value>> {
        self.entries.insert(plugin.to_owned(), Secretive(config)).map(|entry| entry.0)
    }

    /// Puts other settings beneath these, in place of what was added for the same names before.
    pub fn add(&mut self, added: &Self) {
        let all = self.added.get_or_insert_default();
        all.entries.extend(added.entries.clone());
        all.made_by.extend(added.made_by.clone());
    }

    /// Takes over what was added to other settings.
    pub fn keep_added(&mut self, of: &Self) {
        self.added.clone_from(&of.added);
    }

    /// The plugins that are configured by name, so that one that does not exist can be told of.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str).filter(|name| !scope::is_scope(name))
    }

    /// The plugins that are made for their entries, each with the plugin type that makes it.
    pub fn made(&self) -> impl Iterator<Item = (&str, &str)> {
        let added = self.added.iter().flat_map(|added| &added.made_by);
        let added = added.filter(|(name, _)| !self.made_by.contains_key(*name));
        self.made_by.iter().chain(added).map(|(name, kind)| (name.as_str(), kind.as_str()))
    }

    /// All that has a say about the plugin, the strongest last.
    pub(crate) fn scopes<'s>(
        &'s self,
        category: Category,
        plugin: &'s str,
    ) -> impl Iterator<Item = &'s Map<String, Value>> {
        let names = [scope::GLOBAL.to_owned(), scope::of_category(category), plugin.to_owned()];
        let settings = self.added.as_deref().into_iter().chain([self]);
        names
            .into_iter()
            .flat_map(move |name| settings.clone().filter_map(move |settings| settings.get(&name)))
    }
}
