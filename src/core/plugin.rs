//! What the host needs of a plugin, whatever it is written in.

use serde_json::Value;

use crate::{Change, Config, Error, HookSet, Result, Snapshot};

/// Takes the outcome of a step that ran elsewhere, once.
pub type Done<T = ()> = Box<dyn FnOnce(Result<T>) + Send>;

/// Asks a step that runs elsewhere to end; whether it can: then its outcome still comes.
pub type Cancel = Box<dyn FnOnce() -> bool + Send>;

/// A plugin class: it makes instances.
///
/// The host calls none of this while it holds a lock.
pub trait Class: Send + Sync + 'static {
    /// What it makes.
    type Instance: Instance<Environment = Self::Environment>;
    /// What the bindings give every plugin of one host.
    type Environment: Send + Sync + 'static;
    /// The hooks that see every plugin of one host.
    type Hooks: HookSet<Self::Instance> + 'static;

    /// Makes an instance that is not initialized yet.
    fn create(&self, config: &Config) -> Result<Self::Instance>;
}

/// A plugin instance under the lifecycle. Errors come back as the plugin raised them.
pub trait Instance: Send + Sync + 'static {
    /// What the bindings give every plugin of one host.
    type Environment: Send + Sync + 'static;

    /// Hands over its context; called once, before everything below.
    fn attach(&self, environment: &Self::Environment, name: &str) -> Result<()>;
    /// Whether the steps of its life must run on the thread that asks for them, without a limit.
    fn is_bound_to_thread(&self) -> bool;
    /// Makes it ready for calls.
    fn initialize(&self) -> Result<()>;
    /// Takes up what it saved in an earlier life, if it can; called once, after `initialize`.
    fn load_state(&self, snapshot: &Snapshot) -> Result<()>;
    /// Begins `load_state` on another thread, as [`begin`](Self::begin) does a step.
    fn begin_load(&self, snapshot: &Snapshot, done: Done) -> Result<Cancel>;
    /// Whether it has a `save_state`.
    fn remembers(&self) -> bool;
    /// What it wants to remember, if anything.
    fn save_state(&self) -> Result<Option<Value>>;
    /// Begins `save_state` on another thread, as [`begin`](Self::begin) does a step.
    fn begin_save(&self, done: Done<Option<Value>>) -> Result<Cancel>;
    /// Takes over another configuration while it runs; whether it can. An error means that it goes
    /// on with the one it has.
    fn reconfigure(&self, config: &Config, changes: &[Change]) -> Result<bool>;
    /// Begins `reconfigure` on another thread, as [`begin`](Self::begin) does a step.
    fn begin_reconfigure(
        &self,
        config: &Config,
        changes: &[Change],
        done: Done<bool>,
    ) -> Result<Cancel>;
    /// Shows this configuration as its own from now on: it took it over.
    fn show_config(&self, config: &Config) -> Result<()>;
    /// Undoes `initialize`; may be called again after it failed.
    fn cleanup(&self) -> Result<()>;
    /// Whether it tells by a `health` of its own how it is.
    fn tells_health(&self) -> bool;
    /// Begins a step on another thread, in the surroundings of this one, and returns at once.
    /// `done` is called exactly once, on whatever thread it ends; that the plugin says it is not
    /// well is an error.
    fn begin(&self, step: Step, done: Done) -> Result<Cancel>;
    /// Releases everything acquired through the context, newest first, whatever fails.
    fn release(&self) -> Vec<Error>;
    /// Whether work is still running in it that no call waits for any more, or that came in past
    /// the host.
    fn is_busy(&self) -> bool;
    /// Ends what still runs in it and can be ended early: the time to wait for it is over.
    fn end_early(&self);
    /// Runs its own hook of that name around a step of the lifecycle, if it has one.
    fn hook(&self, hook: Hook, error: Option<&Error>) -> Result<()>;
}

/// What a plugin does outside calls that may take long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `initialize`.
    Initialize,
    /// `cleanup`.
    Cleanup,
    /// `health`, of one that tells it.
    Health,
}

impl Step {
    /// The name of the method that users write.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Cleanup => "cleanup",
            Self::Health => "health",
        }
    }
}

/// The moments at which hooks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// Before `initialize`; an error keeps the plugin from starting.
    PreInitialize,
    /// After `initialize`, or after it failed; an error makes the start fail.
    PostInitialize,
    /// Before `cleanup`; an error is reported, and cleanup goes on.
    PreCleanup,
    /// After `cleanup`, or after it failed; an error is reported.
    PostCleanup,
    /// Before an action; an error keeps it from happening.
    PreAction,
    /// After an action, or after it failed; an error is reported.
    PostAction,
}

impl Hook {
    /// All hooks: those around steps of the lifecycle in their order, then those around actions.
    pub const ALL: [Self; 6] = [
        Self::PreInitialize,
        Self::PostInitialize,
        Self::PreCleanup,
        Self::PostCleanup,
        Self::PreAction,
        Self::PostAction,
    ];

    /// The name of the method that users write.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreInitialize => "pre_initialize",
            Self::PostInitialize => "post_initialize",
            Self::PreCleanup => "pre_cleanup",
            Self::PostCleanup => "post_cleanup",
            Self::PreAction => "pre_action",
            Self::PostAction => "post_action",
        }
    }

    /// Whether it runs before the step it belongs to.
    #[must_use]
    pub const fn is_before(self) -> bool {
        matches!(self, Self::PreInitialize | Self::PreCleanup | Self::PreAction)
    }

    /// Whether it can keep the step from happening: cleaning up always happens.
    #[must_use]
    pub const fn can_prevent(self) -> bool {
        matches!(self, Self::PreInitialize | Self::PreAction)
    }

    /// Whether it belongs to actions.
    #[must_use]
    pub const fn is_of_actions(self) -> bool {
        matches!(self, Self::PreAction | Self::PostAction)
    }
}
