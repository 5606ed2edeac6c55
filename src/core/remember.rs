//! What plugins remember: saved when they stop and when somebody asks, taken up when they start.

use std::sync::mpsc::Receiver;

use serde_json::Value;

use crate::entry::Entry;
use crate::flight::Flight;
use crate::patience::Patience;
use crate::{Class, Host, Instance, Result, Snapshot};

/// Where what a plugin wants to remember comes in.
type Saved = Receiver<Result<Option<Value>>>;

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
            match self.remember(&entry, &instance, self.impatiently()) {
                Ok(true) => saved.push(entry.name().to_owned()),
                Ok(false) => {}
                Err(error) => first_error = first_error.and(Err(error)),
            }
        }
        first_error.map(|()| saved)
    }

    /// Saves what a plugin wants to remember; whether there was anything, and a place for it.
    pub(crate) fn remember(
        &self,
        entry: &Entry<C>,
        instance: &C::Instance,
        wait: impl FnOnce(Flight, &Saved) -> Result<Option<Value>>,
    ) -> Result<bool> {
        let Some(store) = &self.snapshots else { return Ok(false) };
        let Some(snapshot) = snapshot(entry, instance, wait)? else { return Ok(false) };
        store.save(entry.name(), &snapshot).map(|()| true)
    }

    /// What a plugin saved in an earlier life.
    pub(crate) fn remembered(&self, entry: &Entry<C>) -> Result<Option<Snapshot>> {
        self.snapshots.as_ref().map_or(Ok(None), |store| store.load(entry.name()))
    }

    /// Waits for what a plugin wants to remember until the user wants out.
    pub(crate) fn impatiently(&self) -> impl FnOnce(Flight, &Saved) -> Result<Option<Value>> {
        |mut flight, saved| flight.wait(saved, &mut Patience::new(self.threads.as_ref()))
    }
}

/// What a plugin wants to remember now. It may take as long as a cleanup; `wait` waits for it.
pub(crate) fn snapshot<C: Class>(
    entry: &Entry<C>,
    instance: &C::Instance,
    wait: impl FnOnce(Flight, &Saved) -> Result<Option<Value>>,
) -> Result<Option<Snapshot>> {
    if !instance.remembers() {
        return Ok(None);
    }
    let state = match entry.limits_of(instance).cleanup {
        None => instance.save_state(),
        Some(limit) => {
            let begin = |done| instance.begin_save(done);
            let under_way = Flight::awaited(entry, "save_state", limit, begin, drop);
            under_way.and_then(|(flight, saved)| wait(flight, &saved))
        }
    };
    let state = state.map_err(|error| error.with_plugin(entry.name()))?;
    let version = &entry.registered.info.version;
    Ok(state.map(|state| Snapshot { version: version.clone(), state }))
}
