//! Starting plugins: what to start, in which order; one failure never stops the others.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::entry::Entry;
use crate::graph::Resolution;
use crate::host::Entries;
use crate::{
    Class, Error, ErrorKind, Failure, Host, PluginState, Requirement, Result, Stage, graph,
};

impl<C: Class> Host<C> {
    /// Starts one plugin and what it needs, or all; returns the names started, in order.
    ///
    /// How they are brought up stands in `launch.rs`. With a name, its failure is the error. Without, failures are recorded and the others go on;
    /// only an interruption (Ctrl-C) ends it.
    pub fn start(&self, only: Option<&str>) -> Result<Vec<String>> {
        let _turn = self.take_turn("start_plugins")?;
        let wanted = only.map(|name| self.entry(name)).transpose()?;
        if let Some(entry) =
            wanted.as_ref().filter(|entry| entry.state.get() == PluginState::Disabled)
        {
            return Err(disabled(entry.name()));
        }
        let names = self.launch(self.resolve(only))?;
        match wanted.and_then(|entry| entry.failure()) {
            Some(failure) => Err(failure.error.clone()),
            None => Ok(names),
        }
    }

    /// What a start would find wrong with dependencies; nothing is started or marked.
    pub fn check_dependencies(&self) -> Vec<Failure> {
        let entries = self.entries.load_full();
        let Resolution { broken, skipped, .. } = plan(&entries);
        let faults = broken.into_iter().chain(skipped);
        faults.map(|(name, error)| entries[&name].fail(Stage::Resolve, error)).collect()
    }

    /// Checks the whole graph and returns what to start, in order; what cannot start is marked.
    fn resolve(&self, only: Option<&str>) -> Vec<Arc<Entry<C>>> {
        let entries = self.entries.load_full();
        let resolution = plan(&entries);
        let wanted = only.map(|name| needed_by(name, &entries));
        let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(name));
        for (faults, next) in
            [(resolution.broken, PluginState::Failed), (resolution.skipped, PluginState::Skipped)]
        {
            for (name, error) in faults.into_iter().filter(|(name, _)| is_wanted(name)) {
                let entry = &entries[&name];
                self.fail(entry, entry.fail(Stage::Resolve, error), next);
            }
        }
        let order = resolution.order.into_iter().filter(|name| is_wanted(name));
        let order: Vec<_> = order.map(|name| Arc::clone(&entries[&name])).collect();
        for entry in &order {
            entry.wanted.store(true, Ordering::SeqCst);
        }
        order
    }

    /// The error for a plugin one of whose dependencies does not run.
    pub(crate) fn waits_for(&self, entry: &Entry<C>) -> Option<Error> {
        let missing = dependencies(entry).find_map(|name| {
            let other = self.entry(&name).ok();
            other.filter(|other| other.state.get() != PluginState::Running)
        })?;
        let (name, other) = (entry.name(), missing.name());
        let state = missing.state.get();
        let (why, hint) = match missing.failure() {
            Some(failure) if state == PluginState::Retrying => (
                format!("which is not ready: {}", failure.error.message()),
                format!("{name:?} starts by itself once {other:?} is"),
            ),
            Some(failure) => (
                format!("which did not start: {}", failure.error.message()),
                format!("Mend {other:?} first, then start {name:?} again"),
            ),
            None => (
                format!("which is {state}"),
                format!("Mend {other:?} first, then start {name:?} again"),
            ),
        };
        let message = format!("{name:?} needs {other:?}, {why}");
        Some(Error::new(ErrorKind::Dependency, message).with_plugin(name).with_hint(hint))
    }
}

fn disabled(name: &str) -> Error {
    Error::new(ErrorKind::State, format!("plugin {name:?} is disabled and cannot be started"))
        .with_plugin(name)
        .with_hint(format!("Switch it on with enable({name:?}) first"))
}

/// The order in which plugins can start, and what keeps others from it.
pub(crate) fn plan<C: Class>(entries: &Entries<C>) -> Resolution {
    let unavailable =
        entries.values().filter_map(|entry| Some((entry.name().to_owned(), unavailable(entry)?)));
    let unavailable: BTreeMap<_, _> = unavailable.collect();
    let available = |entry: &&Arc<Entry<C>>| !unavailable.contains_key(entry.name());
    let nodes: Vec<_> = entries.values().filter(available).map(|entry| entry.as_node()).collect();
    graph::resolve(&nodes, &unavailable)
}

/// Why a plugin will not run whatever its dependencies do, completing "`a`, which …".
fn unavailable<C: Class>(entry: &Entry<C>) -> Option<String> {
    match entry.state.get() {
        PluginState::Disabled => Some("is disabled".to_owned()),
        _ if entry.usable_config().is_err() => Some("has an invalid configuration".to_owned()),
        _ if entry.running().is_none() && entry.instance.load().is_some() => {
            Some("failed to clean up".to_owned())
        }
        _ => None,
    }
}

/// The names of the plugins that `entry` requires.
pub(crate) fn dependencies<C: Class>(entry: &Entry<C>) -> impl Iterator<Item = String> {
    let requires = entry.registered.info.requires.iter();
    requires.filter_map(|text| Some(text.parse::<Requirement>().ok()?.name().to_owned()))
}

/// The plugin `name` and all that it needs, directly or through others.
fn needed_by<C: Class>(name: &str, entries: &Entries<C>) -> HashSet<String> {
    let mut needed = HashSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        if let Some(entry) = entries.get(&name).filter(|_| !needed.contains(&name)) {
            open.extend(dependencies(entry));
        }
        needed.insert(name);
    }
    needed
}

/// Reports errors beside the one that is raised; returns an interruption (Ctrl-C) among them, which
/// must not end here.
pub(crate) fn log_others(plugin: &str, errors: Vec<Error>) -> Option<Error> {
    let mut interruption = None;
    for error in errors {
        if error.kind() == ErrorKind::Interrupted {
            interruption = Some(error);
        } else {
            tracing::warn!(target: "zerepy_plugins.lifecycle", plugin, %error, "while releasing resources");
        }
    }
    interruption
}
