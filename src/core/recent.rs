//! What became of a plugin's last calls: one word, written by calls without a lock.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::Outcome;

const EMPTY: u32 = 1;
/// As many successes as there is room for.
const ALL_WELL: u32 = 1 << 31;

/// The outcomes of the last calls, 31 at most, a set bit for each that failed; above them stands
/// one more bit, which says how many there are.
#[derive(Debug)]
pub(crate) struct Recent(AtomicU32);

impl Default for Recent {
    fn default() -> Self {
        Self(AtomicU32::new(EMPTY))
    }
}

impl Recent {
    /// Adds an outcome; a call that nobody waited for says nothing.
    pub(crate) fn record(&self, outcome: Outcome) {
        let failed = match outcome {
            Outcome::Success if self.0.load(Ordering::Relaxed) == ALL_WELL => return, // as before
            Outcome::Success => 0,
            Outcome::Failure | Outcome::Timeout => 1,
            Outcome::Abandoned => return,
        };
        let add = |bits: u32| Some(bits << 1 | failed | bits & ALL_WELL);
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// How many calls there are, and how many of them failed.
    pub(crate) fn read(&self) -> (u32, u32) {
        let bits = self.0.load(Ordering::Relaxed);
        (bits.ilog2(), bits.count_ones() - 1)
    }

    /// Begins anew.
    pub(crate) fn forget(&self) {
        self.0.store(EMPTY, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(recent: &Recent, outcome: Outcome, times: usize) -> (u32, u32) {
        for _ in 0..times {
            recent.record(outcome);
        }
        recent.read()
    }

    #[test]
    fn it_counts_calls_and_failures() {
        let recent = Recent::default();
        assert_eq!(recent.read(), (0, 0));
        assert_eq!(recorded(&recent, Outcome::Failure, 2), (2, 2));
        assert_eq!(recorded(&recent, Outcome::Timeout, 1), (3, 3));
        assert_eq!(recorded(&recent, Outcome::Abandoned, 4), (3, 3));
        assert_eq!(recorded(&recent, Outcome::Success, 3), (6, 3));
        recent.forget();
        assert_eq!(recent.read(), (0, 0));
    }

    #[test]
    fn old_calls_make_room_for_new_ones() {
        let recent = Recent::default();
        assert_eq!(recorded(&recent, Outcome::Failure, 40), (31, 31));
        assert_eq!(recorded(&recent, Outcome::Success, 20), (31, 11));
        assert_eq!(recorded(&recent, Outcome::Success, 20), (31, 0));
        assert_eq!(recorded(&recent, Outcome::Success, 1), (31, 0));
        assert_eq!(recorded(&recent, Outcome::Failure, 1), (31, 1));
    }
}
