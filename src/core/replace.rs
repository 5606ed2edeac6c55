//! Putting a running plugin's successor in its place: the new instance runs before the old one ends.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::host::Entries;
use crate::remember::snapshot;
use crate::start::log_others;
use crate::{Class, Host, Instance, PluginState, Result};

/// How long calls of the old instance may run on before it is cleaned up under them.
pub(crate) const MAX_OVERLAP: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);

impl<C: Class> Host<C> {
    /// Brings up `fresh`, which is registered, gives it what `old` remembers, lets it take over, and
    /// cleans `old` up once its calls have ended. If `fresh` does not come up, `old` just runs on.
    ///
    /// Both run for a moment, for `overlap` at most; nobody is told of the moves in between.
    pub(crate) fn replace(
        &self,
        old: &Arc<Entry<C>>,
        fresh: Entry<C>,
        overlap: Duration,
    ) -> Result<()> {
        fresh.advance(PluginState::Initializing)?;
        let snapshot = match old.instance.load_full() {
            Some(instance) => snapshot(old, &instance)?,
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

    /// Ends what has been replaced. What fails is told, and changes nothing for its successor.
    fn retire(&self, old: &Entry<C>, overlap: Duration) {
        if old.advance(PluginState::Stopping).is_err() {
            return;
        }
        let Some(instance) = old.instance.swap(None) else { return };
        let deadline = Instant::now() + overlap;
        // Every call holds the instance, and so does nobody else for long.
        while (Arc::strong_count(&instance) > 1 || instance.is_busy()) && Instant::now() < deadline
        {
            thread::sleep(POLL);
        }
        // An interruption ends here, too: the successor runs already.
        log_others(old.name(), self.take_down(old, &instance, &mut self.halt()));
        let _ = old.advance(PluginState::Stopped); // nobody sees this entry any more
    }
}
