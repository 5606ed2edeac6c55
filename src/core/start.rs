//! Starting plugins: dependencies first, each on its own, one failure never stopping the others.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::entry::Entry;
use crate::graph::Resolution;
use crate::hooks::Ran;
use crate::host::Entries;
use crate::{
    Class, Error, ErrorKind, Failure, Hook, Host, Instance, PluginState, Requirement, Result,
    Snapshot, Stage, graph,
};

impl<C: Class> Host<C> {
    /// Starts one plugin and what it needs, or all; returns the names started, in order.
    ///
    /// With a name, its failure is the error. Without, failures are recorded and the others go on;
    /// only an interruption (Ctrl-C) ends it.
    pub fn start(&self, only: Option<&str>) -> Result<Vec<String>> {
        let _turn = self.turn.take("start_plugins")?;
        let wanted = only.map(|name| self.entry(name)).transpose()?;
        if let Some(entry) =
            wanted.as_ref().filter(|entry| entry.state.get() == PluginState::Disabled)
        {
            return Err(disabled(entry.name()));
        }
        let mut names = Vec::new();
        for entry in self.resolve(only) {
            if entry.is_startable() && self.start_one(&entry)? {
                names.push(entry.name().to_owned());
            }
        }
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
        order.map(|name| Arc::clone(&entries[&name])).collect()
    }

    /// Starts one plugin whose dependencies have been started; whether it runs.
    fn start_one(&self, entry: &Arc<Entry<C>>) -> Result<bool> {
        if let Some(error) = self.waits_for(entry) {
            self.fail(entry, entry.fail(Stage::Resolve, error), PluginState::Skipped);
            return Ok(false);
        }
        if self.move_to(entry, PluginState::Initializing).is_err() {
            return Ok(false); // it was switched off meanwhile
        }
        match self.remembered(entry).and_then(|snapshot| self.bring_up(entry, snapshot.as_ref())) {
            Ok(instance) => {
                entry.instance.store(Some(instance));
                self.started.lock().push(Arc::clone(entry));
                self.move_to(entry, PluginState::Running)?;
                Ok(true)
            }
            Err(error) => {
                let failure = entry.fail(Stage::Initialize, error);
                let error = failure.error.clone();
                self.fail(entry, failure, PluginState::Failed);
                if error.kind() == ErrorKind::Interrupted { Err(error) } else { Ok(false) }
            }
        }
    }

    /// Creates and initializes an instance. After a failure nothing of it is left.
    pub(crate) fn bring_up(
        &self,
        entry: &Entry<C>,
        snapshot: Option<&Snapshot>,
    ) -> Result<Arc<C::Instance>> {
        let instance = Arc::new(entry.registered.class.create(entry.usable_config()?)?);
        instance.attach(&self.environment, entry.name())?;
        let result = self.initialize(entry.name(), &instance, snapshot);
        if result.is_err() {
            log_others(entry.name(), &instance.release());
        }
        result.map(|()| instance)
    }

    fn initialize(
        &self,
        name: &str,
        instance: &C::Instance,
        snapshot: Option<&Snapshot>,
    ) -> Result<()> {
        let Ran { mut errors, stopped } = self.hooks.run(Hook::PreInitialize, instance, None);
        let outcome = if stopped { None } else { Some(instance.initialize()) };
        let initialized = matches!(outcome, Some(Ok(())));
        errors.extend(outcome.and_then(Result::err));
        if let Some(snapshot) = snapshot.filter(|_| initialized) {
            errors.extend(instance.load_state(snapshot).err());
        }
        let post = self.hooks.run(Hook::PostInitialize, instance, errors.first());
        errors.extend(post.errors);
        if initialized && !errors.is_empty() {
            errors.extend(instance.cleanup().err()); // it was initialized, and is not wanted any more
        }
        let headline = format!("plugin {name:?} could not be started");
        Error::join(ErrorKind::Execution, &headline, errors).map_or(Ok(()), Err)
    }

    /// The error for a plugin one of whose dependencies does not run.
    fn waits_for(&self, entry: &Entry<C>) -> Option<Error> {
        let missing = dependencies(entry).find_map(|name| {
            let other = self.entry(&name).ok();
            other.filter(|other| other.state.get() != PluginState::Running)
        })?;
        let (name, other) = (entry.name(), missing.name());
        let why = missing.failure().map_or_else(
            || format!("which is {}", missing.state.get()),
            |failure| format!("which did not start: {}", failure.error.message()),
        );
        Some(
            Error::new(ErrorKind::Dependency, format!("{name:?} needs {other:?}, {why}"))
                .with_plugin(name)
                .with_hint(format!("Mend {other:?} first, then start {name:?} again")),
        )
    }
}

fn disabled(name: &str) -> Error {
    Error::new(ErrorKind::State, format!("plugin {name:?} is disabled and cannot be started"))
        .with_plugin(name)
        .with_hint(format!("Switch it on with enable({name:?}) first"))
}

/// The order in which plugins can start, and what keeps others from it.
fn plan<C: Class>(entries: &Entries<C>) -> Resolution {
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
fn dependencies<C: Class>(entry: &Entry<C>) -> impl Iterator<Item = String> {
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

/// Reports errors beside the one that is raised.
pub(crate) fn log_others(plugin: &str, errors: &[Error]) {
    for error in errors {
        tracing::warn!(target: "zerepy_plugins.lifecycle", plugin, %error, "while releasing resources");
    }
}
