//! The registry: which classes there are, by category and name.

use std::sync::Arc;

use indexmap::IndexMap;
use parking_lot::RwLock;
use serde_json::{Map, Value};

use crate::{Category, Error, ErrorKind, Kind, PluginInfo, Result, check_name, suggestion};

/// One registered class, and where it came from.
#[derive(Debug)]
pub struct Registered<C> {
    /// What is known of the plugin; its name is the name it is registered under.
    pub info: PluginInfo,
    /// What it is written in.
    pub kind: Kind,
    /// Where it came from: a path, an entry point, or "registered by hand".
    pub origin: String,
    /// The configuration that its manifest brings along.
    pub defaults: Map<String, Value>,
    /// What makes instances.
    pub class: C,
}

type Table<C> = IndexMap<(Category, String), Arc<Registered<C>>>;

/// Classes `C` by category and name, in the order they were registered. Safe to share.
#[derive(Debug)]
pub struct Registry<C> {
    table: RwLock<Table<C>>,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self { table: RwLock::new(Table::new()) }
    }
}

impl<C> Registry<C> {
    /// Adds a class, or with `replace` puts it in the place of another of that name.
    ///
    /// A name that is taken is a [`ErrorKind::Config`] error naming both origins, and changes
    /// nothing.
    pub fn register(&self, plugin: Registered<C>, replace: bool) -> Result<Arc<Registered<C>>> {
        check_name(&plugin.info.name)?;
        let key = (plugin.info.category, plugin.info.name.clone());
        let plugin = Arc::new(plugin);
        let mut table = self.table.write();
        if let Some(other) = table.get(&key).filter(|_| !replace) {
            return Err(duplicate(&plugin.info.name, &plugin.origin, &other.origin));
        }
        let replaced = table.insert(key, Arc::clone(&plugin));
        drop(table);
        drop(replaced); // outside the lock: dropping a class may run foreign code
        Ok(plugin)
    }

    /// Puts a class in the place of the one of the same name.
    pub(crate) fn put(&self, plugin: Arc<Registered<C>>) {
        let key = (plugin.info.category, plugin.info.name.clone());
        let replaced = self.table.write().insert(key, plugin);
        drop(replaced); // outside the lock: dropping a class may run foreign code
    }

    /// The class of that category and name, else [`ErrorKind::NotFound`] with the nearest names.
    pub fn get(&self, category: Category, name: &str) -> Result<Arc<Registered<C>>> {
        let table = self.table.read();
        if let Some(found) = table.get(&(category, name.to_owned())) {
            return Ok(Arc::clone(found));
        }
        let names = table.keys().filter(|(other, _)| *other == category).map(|(_, name)| &**name);
        Err(Error::new(ErrorKind::NotFound, format!("no {category} plugin is called {name:?}"))
            .with_plugin(name)
            .with_hint(suggestion(name, names)))
    }

    /// Takes a class away and returns it; instances live on.
    pub fn unregister(&self, category: Category, name: &str) -> Result<Arc<Registered<C>>> {
        let removed = self.table.write().shift_remove(&(category, name.to_owned()));
        removed.map_or_else(|| self.get(category, name), Ok)
    }

    /// The classes of one category, or of all, in the order they were registered.
    #[must_use]
    pub fn list(&self, category: Option<Category>) -> Vec<Arc<Registered<C>>> {
        let table = self.table.read();
        let wanted =
            |plugin: &&Arc<Registered<C>>| category.is_none_or(|c| c == plugin.info.category);
        table.values().filter(wanted).map(Arc::clone).collect()
    }

    /// Whether there is a class of that category and name.
    #[must_use]
    pub fn contains(&self, category: Category, name: &str) -> bool {
        self.table.read().contains_key(&(category, name.to_owned()))
    }

    /// How many classes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.read().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The error for a second plugin of the same name.
pub(crate) fn duplicate(name: &str, new: &str, old: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("there are two plugins called {name:?}: one from {old}, one from {new}"),
    )
    .with_plugin(name)
    .with_hint("The first one stays. Rename one of them, or register it with replace=True")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(category: Category, name: &str, origin: &str) -> Registered<u32> {
        let info = PluginInfo {
            name: name.into(),
            version: "1.0.0".into(),
            category,
            description: String::new(),
            requires: Vec::new(),
            config_schema: None,
            actions: Vec::new(),
        };
        let (kind, defaults) = (Kind::Python, Map::new());
        Registered { info, kind, origin: origin.into(), defaults, class: 7 }
    }

    #[test]
    fn categories_are_apart_and_order_is_kept() {
        let registry = Registry::default();
        for (category, name) in
            [(Category::Action, "b"), (Category::Connection, "b"), (Category::Action, "a")]
        {
            registry.register(plugin(category, name, "here"), false).unwrap();
        }
        let names = |category| -> Vec<String> {
            registry.list(category).iter().map(|plugin| plugin.info.name.clone()).collect()
        };
        assert_eq!(names(Some(Category::Action)), ["b", "a"]);
        assert_eq!(names(None), ["b", "b", "a"]);
        assert_eq!(registry.len(), 3);
    }

    #[test]
    fn a_duplicate_names_both_origins_and_changes_nothing() {
        let registry = Registry::default();
        registry.register(plugin(Category::Action, "a", "one.py"), false).unwrap();
        let error = registry.register(plugin(Category::Action, "a", "two.py"), false).unwrap_err();
        assert_eq!(
            error.message(),
            "there are two plugins called \"a\": one from one.py, one from two.py"
        );
        assert_eq!(registry.get(Category::Action, "a").unwrap().origin, "one.py");
        registry.register(plugin(Category::Action, "a", "two.py"), true).unwrap();
        assert_eq!(registry.get(Category::Action, "a").unwrap().origin, "two.py");
    }

    #[test]
    fn an_unknown_name_offers_the_nearest() {
        let registry = Registry::default();
        registry.register(plugin(Category::Connection, "search", "here"), false).unwrap();
        let error = registry.get(Category::Connection, "serach").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.hint().unwrap().contains("\"search\""), "{error}");
        assert_eq!(
            registry.unregister(Category::Action, "search").unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
