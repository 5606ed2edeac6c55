//! Hooks around plugins' steps: who runs when, and what becomes of their errors.
//!
//! It never sees what an action is given or gives back: hooks around actions are run by whoever
//! runs the action, in the order that stands here.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use crate::{Error, ErrorKind, Hook, Instance, Result};

/// Hooks that see every plugin of a host.
pub trait HookSet<I>: Send + Sync {
    /// Runs the hook of that name around a step of the lifecycle, of all sets that have one, in
    /// this order and whatever fails; `note` takes what came of each.
    fn call_each<'a>(
        sets: impl Iterator<Item = &'a Arc<Placed<Self>>>,
        hook: Hook,
        plugin: &I,
        error: Option<&Error>,
        note: impl FnMut(OnError, Result<()>),
    ) where
        Self: Sized + 'a;
    /// Whether it has hooks around actions.
    fn watches_actions(&self) -> bool;
}

/// What becomes of the errors of one set of hooks. An interruption always ends the step, and a
/// veto does wherever a hook can keep a step from happening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Before a step the error keeps it from happening; after it, it is reported with the others'.
    #[default]
    Raise,
    /// The step happens; the error is reported with all others' at its end.
    Collect,
    /// The error is logged as a warning, and nothing else.
    Log,
}

/// What is to be done about a hook's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The step must not happen; the error is its failure.
    Stop,
    /// The error belongs to those reported at the step's end.
    Report,
    /// Nothing: the error has been logged.
    Ignore,
}

impl OnError {
    /// What becomes of `error`, raised by `hook`; logs it if that is all.
    #[must_use]
    pub fn judge(self, hook: Hook, error: &Error) -> Consequence {
        let ends_all = error.kind() == ErrorKind::Interrupted
            || (error.kind() == ErrorKind::Vetoed && hook.can_prevent());
        match self {
            _ if ends_all => Consequence::Stop,
            Self::Raise if hook.can_prevent() => Consequence::Stop,
            Self::Raise | Self::Collect => Consequence::Report,
            Self::Log => {
                let (plugin, hook) = (error.plugin().unwrap_or_default(), hook.name());
                tracing::warn!(target: "zerepy_plugins.hooks", plugin, hook, %error, "a hook failed");
                Consequence::Ignore
            }
        }
    }
}

/// Identifies a set of hooks, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookId(usize);

/// A set of hooks at its place.
#[derive(Debug)]
pub struct Placed<S> {
    /// What becomes of its errors.
    pub on_error: OnError,
    /// The hooks.
    pub set: S,
    id: HookId,
    priority: i64,
}

/// The sets of one host, outermost first: see [`Hooks::sets`].
pub type Sets<S> = Vec<Arc<Placed<S>>>;

/// The hook sets of one host. Safe to share.
#[derive(Debug)]
pub struct Hooks<S> {
    sets: ArcSwap<Sets<S>>,
    watching_actions: AtomicUsize, // how many: read on every call
    next_id: AtomicUsize,
}

impl<S> Default for Hooks<S> {
    fn default() -> Self {
        let (watching_actions, next_id) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { sets: ArcSwap::default(), watching_actions, next_id }
    }
}

impl<S> Hooks<S> {
    /// All sets, outermost first: those of higher priority, and among equals the older one.
    ///
    /// The order nests like brackets. Before a step the sets run in this order, then the plugin's
    /// own hooks; after it the plugin's own first, then the sets in reverse.
    pub fn sets(&self) -> Arc<Sets<S>> {
        self.sets.load_full()
    }

    /// The same, for as long as it takes to go through them: cheaper than to have them.
    pub fn lend(&self) -> impl Deref<Target = Arc<Sets<S>>> + use<S> {
        self.sets.load()
    }

    /// Whether any set has hooks around actions.
    pub fn watch_actions(&self) -> bool {
        self.watching_actions.load(Ordering::Acquire) > 0
    }

    /// Adds a set inside of all others of that priority.
    pub fn add<I>(&self, set: S, priority: i64, on_error: OnError) -> HookId
    where
        S: HookSet<I>,
    {
        let id = HookId(self.next_id.fetch_add(1, Ordering::Relaxed));
        self.watching_actions.fetch_add(usize::from(set.watches_actions()), Ordering::AcqRel);
        let placed = Arc::new(Placed { on_error, set, id, priority });
        self.sets.rcu(|sets| {
            let mut sets = Sets::clone(sets);
            let at = sets.partition_point(|other| other.priority >= priority);
            sets.insert(at, Arc::clone(&placed));
            sets
        });
        id
    }

    /// Takes a set away; whether it was there.
    pub fn remove<I>(&self, id: HookId) -> bool
    where
        S: HookSet<I>,
    {
        let before = self
            .sets
            .rcu(|sets| sets.iter().filter(|placed| placed.id != id).cloned().collect::<Sets<S>>());
        let removed = before.iter().find(|placed| placed.id == id);
        if let Some(placed) = removed {
            let watching = usize::from(placed.set.watches_actions());
            self.watching_actions.fetch_sub(watching, Ordering::AcqRel);
        }
        removed.is_some()
    }

    /// Runs one hook of all sets and of the plugin itself, whatever fails.
    pub(crate) fn run<I: Instance>(&self, hook: Hook, plugin: &I, error: Option<&Error>) -> Ran
    where
        S: HookSet<I>,
    {
        let sets = self.sets();
        let mut ran = Ran::default();
        if !hook.is_before() {
            ran.note(hook, OnError::Raise, plugin.hook(hook, error));
        }
        let note = |on_error, outcome| ran.note(hook, on_error, outcome);
        if hook.is_before() {
            S::call_each(sets.iter(), hook, plugin, error, note);
            ran.note(hook, OnError::Raise, plugin.hook(hook, error));
        } else {
            S::call_each(sets.iter().rev(), hook, plugin, error, note);
        }
        ran
    }
}

/// How the hooks of one moment went.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// What is to be reported.
    pub(crate) errors: Vec<Error>,
    /// Whether one of them keeps the step from happening.
    pub(crate) stopped: bool,
}

impl Ran {
    fn note(&mut self, hook: Hook, on_error: OnError, outcome: Result<()>) {
        let Err(error) = outcome else { return };
        let consequence = on_error.judge(hook, &error);
        self.stopped |= consequence == Consequence::Stop;
        if consequence != Consequence::Ignore {
            self.errors.push(error);
        }
    }
}
