//! Hooks around initialize and cleanup.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::{Error, Hook, Instance, Result};

/// Hooks that see every plugin of a host.
pub trait HookSet<I>: Send + Sync {
    /// Runs the hook of that name, if the set has one.
    fn call(&self, hook: Hook, plugin: &I, error: Option<&Error>) -> Result<()>;
}

/// Identifies a set of hooks, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookId(u64);

/// The hook sets of one host. Safe to share.
pub struct Hooks<I> {
    sets: RwLock<Sets<I>>,
}

struct Sets<I> {
    list: Vec<(HookId, Arc<dyn HookSet<I>>)>,
    next_id: u64,
}

impl<I> Default for Hooks<I> {
    fn default() -> Self {
        Self { sets: RwLock::new(Sets { list: Vec::new(), next_id: 0 }) }
    }
}

impl<I: Instance> Hooks<I> {
    /// Adds a set after all others.
    pub fn add(&self, set: Arc<dyn HookSet<I>>) -> HookId {
        let mut sets = self.sets.write();
        let id = HookId(sets.next_id);
        sets.next_id += 1;
        sets.list.push((id, set));
        id
    }

    /// Takes a set away; whether it was there.
    pub fn remove(&self, id: HookId) -> bool {
        let mut sets = self.sets.write();
        let found = sets.list.iter().position(|(other, _)| *other == id);
        let removed = found.map(|at| sets.list.remove(at));
        drop(sets);
        removed.is_some() // the set drops here, outside the lock
    }

    /// Runs one hook of all sets and of the plugin itself, whatever fails, and returns the errors.
    ///
    /// The order nests like brackets: before a step the sets in the order they were added, then
    /// the plugin's own hook; after it the plugin's own first, then the sets in reverse.
    pub(crate) fn run(&self, hook: Hook, plugin: &I, error: Option<&Error>) -> Vec<Error> {
        let sets: Vec<_> = self.sets.read().list.iter().map(|(_, set)| Arc::clone(set)).collect();
        let call = |set: &Arc<dyn HookSet<I>>| set.call(hook, plugin, error).err();
        let mut errors = Vec::new();
        if hook.is_before() {
            errors.extend(sets.iter().filter_map(call));
            errors.extend(plugin.hook(hook, error).err());
        } else {
            errors.extend(plugin.hook(hook, error).err());
            errors.extend(sets.iter().rev().filter_map(call));
        }
        errors
    }
}
