//! What plugins remember: saved when they stop and when somebody asks, taken up when they start.

use crate::entry::Entry;
use crate::{Class, Host, Instance, Result, Snapshot};

impl<C: Class> Host<C> {
    /// Saves the state of one running plugin, or of all; returns the names of those that have one.
    ///
    /// Nothing is saved without a place for it. Of several errors the first is returned, after all
    /// plugins have had their turn.
    pub fn save_states(&self, only: Option<&str>) -> Result<Vec<String>> {
        let entries = match only {
            Some(name) => vec![self.entry(name)?],
            None => self.entries.load().values().cloned().collect(),
        };
        let (mut saved, mut first_error) = (Vec::new(), Ok(()));
        for entry in entries {
            let Some(instance) = entry.running() else { continue };
            match self.remember(&entry, &instance) {
                Ok(true) => saved.push(entry.name().to_owned()),
                Ok(false) => {}
                Err(error) => first_error = first_error.and(Err(error)),
            }
        }
        first_error.map(|()| saved)
    }

    /// Saves what a plugin wants to remember; whether there was anything, and a place for it.
    pub(crate) fn remember(&self, entry: &Entry<C>, instance: &C::Instance) -> Result<bool> {
        let Some(store) = &self.snapshots else { return Ok(false) };
        let Some(snapshot) = snapshot(entry, instance)? else { return Ok(false) };
        store.save(entry.name(), &snapshot).map(|()| true)
    }

    /// What a plugin saved in an earlier life.
    pub(crate) fn remembered(&self, entry: &Entry<C>) -> Result<Option<Snapshot>> {
        self.snapshots.as_ref().map_or(Ok(None), |store| store.load(entry.name()))
    }
}

/// What a plugin wants to remember now.
pub(crate) fn snapshot<C: Class>(
    entry: &Entry<C>,
    instance: &C::Instance,
) -> Result<Option<Snapshot>> {
    let state = instance.save_state().map_err(|error| error.with_plugin(entry.name()))?;
    let version = &entry.registered.info.version;
    Ok(state.map(|state| Snapshot { version: version.clone(), state }))
}
