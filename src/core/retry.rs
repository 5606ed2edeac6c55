//! Trying again what was not ready: when, and what then.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::start::plan;
use crate::{Class, Error, Host, PluginState, duration};

/// The wait before the first try, doubled with each one that fails.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait, unless the plugin asks for a longer one.
const LONGEST: Duration = Duration::from_secs(600);
/// How much a wait is stretched at random, so that not everything is tried at once.
const JITTER: f64 = 0.1;
/// When another operation holds the turn for too long, the supervisor comes back after this.
pub(crate) const BUSY: Duration = Duration::from_secs(1);

/// When a plugin is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    tries: u32,
    due: Instant,
}

/// How long to wait after so many tries; what the plugin asked for goes first. `random` is 0 to 1.
pub(crate) fn wait_after(tries: u32, asked: Option<f64>, random: f64) -> Duration {
    let wait = asked.and_then(duration);
    let wait = wait.unwrap_or_else(|| FIRST.saturating_mul(1 << tries.min(16)).min(LONGEST));
    wait.mul_f64(1.0 + JITTER * random)
}

/// A number from 0 to 1 that nobody has to predict or rely on.
pub(crate) fn random() -> f64 {
    let bits = RandomState::new().hash_one(()) >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

impl<C: Class> Host<C> {
    /// Has a plugin that was not ready tried again.
    pub(crate) fn schedule_retry(&self, entry: &Entry<C>, error: &Error) {
        let mut retry = entry.retry.lock();
        let tries = retry.map_or(0, |retry| retry.tries);
        let due = Instant::now() + wait_after(tries, error.retry_after(), random());
        *retry = Some(Retry { tries: tries + 1, due });
        drop(retry);
        self.supervise(due);
    }

    /// Tries again whatever is due by now, and starts what was waiting for it; returns when
    /// something is due next. The supervisor's work.
    pub(crate) fn retry(&self, now: Instant) -> Option<Instant> {
        if !self.retrying().iter().any(|entry| is_due(entry, now)) {
            return self.next_retry();
        }
        let Ok(_turn) = self.take_turn("the next try of a plugin") else {
            return Some(Instant::now() + BUSY);
        };
        let up = self.launch_those(|entry| is_due(entry, now));
        if up {
            self.launch_those(|entry| {
                entry.state.get() == PluginState::Skipped && entry.wanted.load(Ordering::SeqCst)
            });
        }
        self.next_retry()
    }

    /// Starts those, in the order of the graph; whether any came up.
    fn launch_those(&self, chosen: impl Fn(&Entry<C>) -> bool) -> bool {
        let entries = self.entries.load_full();
        let order = plan(&entries).order.into_iter().map(|name| Arc::clone(&entries[&name]));
        let started = self.launch(order.filter(|entry| chosen(entry)).collect());
        started.is_ok_and(|names| !names.is_empty())
    }

    fn retrying(&self) -> Vec<Arc<Entry<C>>> {
        let entries = self.entries.load();
        let retrying = entries.values().filter(|it| it.state.get() == PluginState::Retrying);
        retrying.map(Arc::clone).collect()
    }

    fn next_retry(&self) -> Option<Instant> {
        let due = |entry: &Arc<Entry<C>>| entry.retry.lock().map(|retry| retry.due);
        self.retrying().iter().filter_map(due).min()
    }
}

fn is_due<C: Class>(entry: &Entry<C>, now: Instant) -> bool {
    let due = entry.retry.lock().is_some_and(|retry| retry.due <= now);
    due && entry.state.get() == PluginState::Retrying
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_minutes() {
        let seconds = [0, 1, 2, 3, 9, 10, 60].map(|tries| wait_after(tries, None, 0.0).as_secs());
        assert_eq!(seconds, [1, 2, 4, 8, 512, 600, 600]);
        assert_eq!(wait_after(0, None, 1.0), Duration::from_millis(1100));
    }

    #[test]
    fn what_the_plugin_asks_for_goes_first_and_is_never_cut_short() {
        assert_eq!(wait_after(5, Some(0.25), 0.0), Duration::from_millis(250));
        assert_eq!(wait_after(0, Some(3600.0), 0.0), Duration::from_secs(3600));
        for nonsense in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(wait_after(0, Some(nonsense), 0.0), FIRST);
        }
    }

    #[test]
    fn jitter_is_within_its_bounds_and_differs() {
        let drawn: Vec<_> = (0..20).map(|_| random()).collect();
        assert!(drawn.iter().all(|number| (0.0..=1.0).contains(number)));
        assert!(drawn.iter().any(|number| (number - drawn[0]).abs() > f64::EPSILON));
    }
}
