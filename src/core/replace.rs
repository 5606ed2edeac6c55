//! Putting a running plugin's successor in its place: the new instance runs before the old one ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::host::Entries;
use crate::patience::Patience;
use crate::remember::snapshot;
use crate::retry::BUSY;
use crate::start::log_others;
use crate::{Class, Error, Host, Instance, PluginState, Result};

/// How long calls of the old instance may run on before it is cleaned up under them.
pub(crate) const MAX_OVERLAP: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);

/// How often the supervisor looks whether they have ended.
const LATER_POLL: Duration = Duration::from_millis(100);

/// An instance that was replaced, and whose last calls may not have ended yet.
pub(crate) struct Replaced<C: Class> {
    pub(crate) entry: Arc<Entry<C>>,
    pub(crate) instance: Arc<C::Instance>,
    /// Its calls may run on until then.
    deadline: Instant,
}

impl<C: Class> Host<C> {
    /// Brings up `fresh`, which is registered, gives it what `old` remembers, and lets it take
    /// over. [`see_off`](Self::see_off) cleans `old` up once its calls have ended, or after `overlap`.
    /// If `fresh` does not come up, `old` just runs on. Nobody is told of the moves in between.
    pub(crate) fn replace(
        &self,
        old: &Arc<Entry<C>>,
        fresh: Entry<C>,
        overlap: Duration,
    ) -> Result<()> {
        fresh.advance(PluginState::Initializing)?;
        let snapshot = match old.instance.load_full() {
            Some(instance) => snapshot(old, &instance, self.impatiently())?,
            None => None,
        };
        let snapshot = snapshot.map_or_else(|| self.remembered(&fresh), |found| Ok(Some(found)))?;
        let fresh = Arc::new(fresh);
        let instance = self.bring_up(&fresh, snapshot)?;
        fresh.instance.store(Some(instance));
        fresh.advance(PluginState::Running)?;
        self.swap(old, &fresh);
        self.retire(old, overlap);
        Ok(())
    }

    /// Puts `fresh` where `old` stands, for calls and for the order of stopping.
    pub(crate) fn swap(&self, old: &Arc<Entry<C>>, fresh: &Arc<Entry<C>>) {
        self.entries.rcu(|entries| {
            let mut entries = Entries::clone(entries);
            entries.insert(fresh.name().to_owned(), Arc::clone(fresh)); // keeps its place
            entries
        });
        for started in &mut *self.started.lock() {
            if Arc::ptr_eq(started, old) {
                *started = Arc::clone(fresh);
            }
        }
    }

    /// Takes calls from what has been replaced; those that it has may end.
    fn retire(&self, old: &Arc<Entry<C>>, overlap: Duration) {
        if old.advance(PluginState::Stopping).is_err() {
            return;
        }
        let Some(instance) = old.instance.swap(None) else { return };
        let deadline = Instant::now() + overlap;
        self.replaced.lock().push(Replaced { entry: Arc::clone(old), instance, deadline });
    }

    /// Waits until the calls of what has been replaced, of one plugin or of all, have ended, and
    /// cleans it up. An interruption ends the wait and is the error: the supervisor does the rest.
    pub(crate) fn see_off(&self, plugin: Option<&str>) -> Result<()> {
        let mut patience = Patience::new(self.threads.as_ref());
        let is_meant = |it: &Replaced<C>| plugin.is_none_or(|plugin| it.entry.name() == plugin);
        while self.replaced.lock().iter().any(is_meant) {
            let interrupted = self.end_replaced(Instant::now(), is_meant);
            if let Some(interrupted) = interrupted.or_else(|| patience.sleep(POLL).err()) {
                self.supervise(Instant::now());
                return Err(interrupted);
            }
        }
        Ok(())
    }

    /// Cleans up what has been replaced and has come to its end by now; returns when to look again,
    /// if there is more. The supervisor's work, when nobody waits for it.
    pub(crate) fn end_replaced_later(&self, now: Instant) -> Option<Instant> {
        if self.replaced.lock().iter().any(|it| it.is_due(now)) {
            let Ok(_turn) = self.take_turn("the end of a replaced plugin") else {
                return Some(now + BUSY);
            };
            self.end_replaced(now, |_| true); // nobody interrupts the supervisor
        }
        (!self.replaced.lock().is_empty()).then(|| now + LATER_POLL)
    }

    /// What fails is told, and changes nothing for the successor; an interruption is returned.
    fn end_replaced(&self, now: Instant, is_meant: impl Fn(&Replaced<C>) -> bool) -> Option<Error> {
        let is_due = |it: &mut Replaced<C>| is_meant(it) && it.is_due(now);
        let due: Vec<_> = self.replaced.lock().extract_if(.., is_due).collect();
        let mut interrupted = None;
        for Replaced { entry, instance, .. } in due {
            let mut halt = self.halt();
            let errors = self.take_down(&entry, &instance, &mut halt);
            interrupted = log_others(entry.name(), errors).or(halt.interrupted).or(interrupted);
            let _ = entry.advance(PluginState::Stopped); // nobody sees this entry any more
        }
        interrupted
    }

    /// Hands over what a plugin replaced and what has not ended yet.
    pub(crate) fn take_replaced(&self, plugin: &str) -> Vec<Replaced<C>> {
        let mut replaced = self.replaced.lock();
        replaced.extract_if(.., |it| it.entry.name() == plugin).collect()
    }
}

impl<C: Class> Replaced<C> {
    /// Whether its last call has ended, or has had its time: every call holds the instance, and so
    /// does nobody else for long.
    fn is_due(&self, now: Instant) -> bool {
        let is_idle = Arc::strong_count(&self.instance) == 1 && !self.instance.is_busy();
        is_idle || now >= self.deadline
    }
}
