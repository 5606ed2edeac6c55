//! What keeps calls and stopping apart, without a lock: a call is counted in before it looks whether
//! the plugin takes calls; whoever stops a plugin moves its state first, and reads the count after.
//! So one of the two sees the other. It knows neither plugins nor why a call is refused.
//!
//! `tests/admission/mod.rs` checks it in every order in which threads can get there.

use crate::sync::{AtomicU64, Ordering};

/// How many calls came in and ended. Shared by all calls of a plugin.
#[derive(Debug)]
pub(crate) struct Admission {
    started: AtomicU64,
    finished: AtomicU64,
}

impl Default for Admission {
    fn default() -> Self {
        Self { started: AtomicU64::new(0), finished: AtomicU64::new(0) }
    }
}

impl Admission {
    /// Counts a call in if `look` finds that it may come in; `look` reads the plugin's state.
    pub(crate) fn admit<T, E>(&self, look: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.enter();
        look().inspect_err(|_| {
            self.started.fetch_sub(1, Ordering::SeqCst);
        })
    }

    /// Counts a call in that nobody can refuse.
    pub(crate) fn enter(&self) {
        self.started.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a call out that was counted in.
    pub(crate) fn leave(&self) {
        self.finished.fetch_add(1, Ordering::SeqCst);
    }

    /// Calls that ended.
    pub(crate) fn finished(&self) -> u64 {
        self.finished.load(Ordering::SeqCst)
    }

    /// Calls that are running; one that is about to be refused may count, too.
    pub(crate) fn in_flight(&self) -> u64 {
        // Read in this order, a call that ends in between is seen as running, never as negative.
        let finished = self.finished();
        self.started.load(Ordering::SeqCst).saturating_sub(finished)
    }
}
