//! Plugins that only write down what is done to them, and fail or act where a test tells them to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::{
    Cancel, Category, Change, Class, Config, Done, Error, ErrorKind, Event, EventSink, Failure,
    Hook, HookSet, Host, Instance, Job, Kind, Limits, Manifest, Mark, Monitor, OnError, Outcome,
    Owner, Parts, Placed, PluginInfo, Registered, Registry, Result, Settings, Snapshot,
    SnapshotStore, Status, Step, Supervision, Threads,
};

/// What a step does besides being written down.
type Reaction = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// What was done, in order, and what is to happen when. Steps are named `plugin.step`.
#[derive(Default)]
pub(super) struct Script {
    log: Mutex<Vec<String>>,
    reactions: Mutex<HashMap<String, Reaction>>,
    cancels: Mutex<HashMap<String, Sender<Result<()>>>>,
}

impl Script {
    /// From now on `step` does this.
    pub(super) fn on(&self, step: &str, does: impl Fn() -> Result<()> + Send + Sync + 'static) {
        self.reactions.lock().insert(step.to_owned(), Arc::new(does));
    }

    /// From now on `step` fails with the message `<step> failed`.
    pub(super) fn fail(&self, step: &str, kind: ErrorKind) {
        let error = Error::new(kind, format!("{step} failed"));
        self.on(step, move || Err(error.clone()));
    }

    /// From now on `step` goes on until this is told how it ends, each time.
    pub(super) fn hang(&self, step: &str) -> Sender<Result<()>> {
        let (sender, receiver) = channel::<Result<()>>();
        let receiver = Mutex::new(receiver);
        let wait = |receiver: &Receiver<Result<()>>| receiver.recv().unwrap_or(Ok(()));
        self.on(step, move || wait(&receiver.lock()));
        sender
    }

    /// The same, and it ends when it is cancelled.
    pub(super) fn hang_until_cancelled(&self, step: &str) {
        let sender = self.hang(step);
        self.cancels.lock().insert(step.to_owned(), sender);
    }

    fn cancel(&self, step: &str) -> bool {
        let sender = self.cancels.lock().remove(step);
        let cancelled = || Err(Error::new(ErrorKind::Interrupted, "cancelled"));
        sender.is_some_and(|sender| sender.send(cancelled()).is_ok())
    }

    /// `step` is as it was.
    pub(super) fn mend(&self, step: &str) {
        self.reactions.lock().remove(step).expect("it was told to do something");
    }

    fn run(&self, step: &str, error: Option<&Error>) -> Result<()> {
        let seen = error.map(|error| format!("({})", error.message())).unwrap_or_default();
        self.log.lock().push(format!("{step}{seen}"));
        let reaction = self.reactions.lock().get(step).map(Arc::clone);
        reaction.map_or(Ok(()), |reaction| reaction())
    }
}

pub(super) struct FakeClass {
    name: String,
    script: Arc<Script>,
}

pub(super) struct FakeInstance {
    pub(super) name: String,
    pub(super) config: Value,
    script: Arc<Script>,
}

impl FakeInstance {
    fn begin_other(&self, step: &str, done: Done) -> Cancel {
        let (script, step) = (Arc::clone(&self.script), format!("{}.{step}", self.name));
        let (to_cancel, to_run) = (Arc::clone(&script), step.clone());
        thread::spawn(move || done(script.run(&to_run, None)));
        Box::new(move || to_cancel.cancel(&step))
    }

    fn run(&self, step: &str, error: Option<&Error>) -> Result<()> {
        self.script.run(&format!("{}.{step}", self.name), error)
    }
}

impl Class for FakeClass {
    type Instance = FakeInstance;
    type Environment = &'static str;
    type Hooks = Watcher;

    fn create(&self, config: &Config) -> Result<FakeInstance> {
        self.script.run(&format!("{}.create", self.name), None)?;
        let (name, script) = (self.name.clone(), Arc::clone(&self.script));
        Ok(FakeInstance { name, config: config.value.clone(), script })
    }
}

impl Instance for FakeInstance {
    type Environment = &'static str;

    fn attach(&self, environment: &&'static str, name: &str) -> Result<()> {
        assert_eq!((*environment, name), ("shared", self.name.as_str()));
        self.run("attach", None)
    }

    fn is_bound_to_thread(&self) -> bool {
        false
    }

    fn initialize(&self) -> Result<()> {
        self.run("initialize", None)
    }

    fn load_state(&self, snapshot: &Snapshot) -> Result<()> {
        self.run(&format!("load_state {} {}", snapshot.version, snapshot.state), None)
    }

    fn begin_load(&self, snapshot: &Snapshot, done: Done) -> Result<Cancel> {
        let what = format!("load_state {} {}", snapshot.version, snapshot.state);
        Ok(self.begin_other(&what, done))
    }

    /// It does, once a test has told it to.
    fn remembers(&self) -> bool {
        self.script.reactions.lock().contains_key(&format!("{}.save_state", self.name))
    }

    /// Remembers its name.
    fn save_state(&self) -> Result<Option<Value>> {
        self.run("save_state", None).map(|()| Some(json!({ "of": self.name })))
    }

    fn begin_save(&self, done: Done<Option<Value>>) -> Result<Cancel> {
        let (script, name) = (Arc::clone(&self.script), self.name.clone());
        let (to_cancel, step) = (Arc::clone(&script), format!("{name}.save_state"));
        let run = step.clone();
        thread::spawn(move || done(script.run(&run, None).map(|()| Some(json!({ "of": name })))));
        Ok(Box::new(move || to_cancel.cancel(&step)))
    }

    /// It can, once a test has told it to.
    fn reconfigure(&self, config: &Config, changes: &[Change]) -> Result<bool> {
        if !self.script.reactions.lock().contains_key(&format!("{}.reconfigure", self.name)) {
            return Ok(false);
        }
        let paths: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
        self.run(&format!("reconfigure {} {}", paths.join(" "), config.value), None)?;
        self.run("reconfigure", None).map(|()| true)
    }

    fn begin_reconfigure(
        &self,
        config: &Config,
        changes: &[Change],
        done: Done<bool>,
    ) -> Result<Cancel> {
        if !self.script.reactions.lock().contains_key(&format!("{}.reconfigure", self.name)) {
            done(Ok(false));
            return Ok(Box::new(|| false));
        }
        let paths: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
        self.run(&format!("reconfigure {} {}", paths.join(" "), config.value), None)?;
        Ok(self.begin_other("reconfigure", Box::new(|result| done(result.map(|()| true)))))
    }

    fn show_config(&self, _: &Config) -> Result<()> {
        Ok(())
    }

    fn cleanup(&self) -> Result<()> {
        self.run("cleanup", None)
    }

    /// It does, once a test has told it to.
    fn tells_health(&self) -> bool {
        self.script.reactions.lock().contains_key(&format!("{}.health", self.name))
    }

    fn begin(&self, step: Step, done: Done) -> Result<Cancel> {
        Ok(self.begin_other(step.name(), done))
    }

    fn release(&self) -> Vec<Error> {
        self.run("release", None).err().into_iter().collect()
    }

    fn is_busy(&self) -> bool {
        false
    }

    fn end_early(&self) {
        unreachable!("it is never busy");
    }

    fn hook(&self, hook: Hook, error: Option<&Error>) -> Result<()> {
        self.run(hook.name(), error)
    }
}

/// Hooks that see every plugin; their steps are named `<name>.<hook> <plugin>`.
pub(super) struct Watcher(pub(super) &'static str, pub(super) Arc<Script>);

impl HookSet<FakeInstance> for Watcher {
    fn call_each<'a>(
        sets: impl Iterator<Item = &'a Arc<Placed<Self>>>,
        hook: Hook,
        plugin: &FakeInstance,
        error: Option<&Error>,
        mut note: impl FnMut(OnError, Result<()>),
    ) {
        for placed in sets {
            let Self(name, hooks) = &placed.set;
            let step = format!("{name}.{} {}", hook.name(), plugin.name);
            note(placed.on_error, hooks.run(&step, error));
        }
    }

    fn watches_actions(&self) -> bool {
        self.0 == "actions"
    }
}

/// Remembers events, from the first time somebody asks for them.
#[derive(Default)]
pub(super) struct Heard(Mutex<Option<Vec<Event>>>);

impl Heard {
    /// What was published since this was last called.
    pub(super) fn take(&self) -> Vec<Event> {
        self.0.lock().replace(Vec::new()).unwrap_or_default()
    }

    /// The same, names only.
    pub(super) fn names(&self) -> Vec<String> {
        self.take().into_iter().map(|event| event.name).collect()
    }
}

impl EventSink for Heard {
    fn listening(&self) -> bool {
        self.0.lock().is_some()
    }

    fn publish(&self, event: &Event) {
        self.0.lock().as_mut().expect("nobody listens").push(event.clone());
    }
}

/// Threads without signals; background threads are only started by those who ask for it.
pub(crate) struct PlainThreads;

impl Threads for PlainThreads {
    fn spawn(&self, _name: &'static str, _job: Job) -> Result<()> {
        Ok(()) // a test says what time it is, and has the host do what is due
    }

    fn stretch(&self) -> Option<Duration> {
        None
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn enter(&self) -> Mark {
        Box::new(())
    }

    fn is_within(&self) -> bool {
        false
    }

    fn flush(&self) {}
}

/// Threads whose user wants out so many times, as soon as anybody waits.
pub(super) struct Impatient(pub(super) AtomicUsize);

impl Threads for Impatient {
    fn spawn(&self, name: &'static str, job: Job) -> Result<()> {
        thread::Builder::new().name(name.to_owned()).spawn(job).unwrap();
        Ok(())
    }

    fn stretch(&self) -> Option<Duration> {
        Some(Duration::from_millis(1))
    }

    fn check(&self) -> Result<()> {
        let left =
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_or(Ok(()), |_| Err(Error::new(ErrorKind::Interrupted, "Ctrl-C")))
    }

    fn enter(&self) -> Mark {
        Box::new(())
    }

    fn is_within(&self) -> bool {
        false
    }

    fn flush(&self) {}
}

/// A host, and all there is around it.
pub(super) struct World {
    pub(super) script: Arc<Script>,
    pub(super) events: Arc<Heard>,
    pub(super) monitor: Arc<Monitor>,
    pub(super) registry: Arc<Registry<FakeClass>>,
    pub(super) host: Arc<Host<FakeClass>>,
}

impl World {
    /// With these plugins found, each `name`, `name version` or `name version: requirement …`.
    pub(super) fn new(plugins: &[&str]) -> Self {
        Self::configured(json!({}), plugins)
    }

    /// The same, with the user's settings.
    pub(super) fn configured(settings: Value, plugins: &[&str]) -> Self {
        Self::remembering(None, settings, plugins)
    }

    /// The same, with a place for what plugins remember.
    pub(super) fn remembering(
        snapshots: Option<SnapshotStore>,
        settings: Value,
        plugins: &[&str],
    ) -> Self {
        let supervision = Supervision::default();
        let threads = Arc::new(PlainThreads);
        Self::of(snapshots, settings, plugins, Limits::default(), supervision, threads)
    }

    /// With limits for `initialize` and `cleanup`.
    pub(super) fn limited(plugins: &[&str], limit: Duration) -> Self {
        let limits = Limits { initialize: Some(limit), cleanup: Some(limit), ..Limits::default() };
        Self::made_of(json!({}), plugins, limits, Arc::new(PlainThreads))
    }

    /// With these limits and threads.
    pub(super) fn made_of(
        settings: Value,
        plugins: &[&str],
        limits: Limits,
        threads: Arc<dyn Threads>,
    ) -> Self {
        Self::of(None, settings, plugins, limits, Supervision::default(), threads)
    }

    /// Watched over, with this limit of actions.
    pub(super) fn watched(plugins: &[&str], supervision: Supervision, limit: Duration) -> Self {
        let limits = Limits { action: Some(limit), ..Limits::default() };
        Self::of(None, json!({}), plugins, limits, supervision, Arc::new(PlainThreads))
    }

    fn of(
        snapshots: Option<SnapshotStore>,
        settings: Value,
        plugins: &[&str],
        limits: Limits,
        supervision: Supervision,
        threads: Arc<dyn Threads>,
    ) -> Self {
        let settings = Manifest::from_value(settings, "zerepy.json", Owner::User).unwrap();
        let (events, monitor) = (Arc::<Heard>::default(), Arc::<Monitor>::default());
        let registry = Arc::<Registry<FakeClass>>::default();
        let host = Host::new(Parts {
            registry: Arc::clone(&registry),
            settings: Settings::new(settings),
            environment: "shared",
            monitor: Arc::clone(&monitor),
            events: Arc::clone(&events) as _,
            snapshots,
            limits,
            supervision,
            threads,
        });
        let world = Self { script: Arc::default(), events, monitor, registry, host };
        world.accept(plugins.iter().map(|line| world.plugin(line)).collect());
        world
    }

    /// A connection described by one line; it comes from `<name>.py`.
    pub(super) fn plugin(&self, line: &str) -> Registered<FakeClass> {
        let (head, requires) = line.split_once(':').unwrap_or((line, ""));
        let (name, version) = head.split_once(' ').unwrap_or((head, "1.0"));
        let class = FakeClass { name: name.to_owned(), script: Arc::clone(&self.script) };
        let info = PluginInfo {
            name: name.to_owned(),
            version: version.to_owned(),
            category: Category::Connection,
            description: String::new(),
            requires: requires.split_whitespace().map(str::to_owned).collect(),
            config_schema: None,
            actions: Vec::new(),
        };
        let (origin, defaults) = (format!("{name}.py"), Map::new());
        Registered { info, kind: Kind::Python, origin, defaults, class }
    }

    pub(super) fn accept(&self, found: Vec<Registered<FakeClass>>) {
        self.host.accept(found, Vec::new());
    }

    /// What was done since this was last called, without the steps that every start has in front.
    pub(super) fn log(&self) -> Vec<String> {
        let mut log = std::mem::take(&mut *self.script.log.lock());
        log.retain(|step| !step.ends_with(".create") && !step.ends_with(".attach"));
        log
    }

    /// The plugins that went through `step` since the log was last taken.
    pub(super) fn did(&self, step: &str) -> Vec<String> {
        let suffix = format!(".{step}");
        let log = self.log();
        log.iter().filter_map(|line| line.strip_suffix(&suffix)).map(str::to_owned).collect()
    }

    /// Each plugin's state: `a running, b failed`.
    pub(super) fn states(&self) -> String {
        let shown = |status: &Status| format!("{} {}", status.info.name, status.state);
        self.host.status().iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// All failures, each `stage plugin: error`.
    pub(super) fn failures(&self) -> Vec<String> {
        self.host.failures().iter().map(|failure| told(failure)).collect()
    }

    /// Calls an action; it fails if there is an error.
    pub(super) fn call(&self, plugin: &str, error: Option<&str>) {
        let outcome = if error.is_some() { Outcome::Failure } else { Outcome::Success };
        self.host.admit(plugin, "ask").unwrap().finish(outcome, error);
    }
}

pub(super) fn told(failure: &Failure) -> String {
    let plugin = failure.plugin.as_deref().unwrap_or("?");
    format!("{} {plugin}: {}", failure.stage.as_str(), failure.error)
}
