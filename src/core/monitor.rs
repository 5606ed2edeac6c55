//! All plugins' numbers, and those who watch calls as they happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use indexmap::IndexMap;
use parking_lot::RwLock;

use crate::{Metrics, Outcome, Stats, Usage};

/// Sees every call. It must not fail and not block; both are called on the caller's thread.
pub trait Observer: Send + Sync {
    /// A call is about to run.
    fn before(&self, plugin: &str, action: &str);
    /// A call ended.
    fn after(&self, plugin: &str, action: &str, outcome: Outcome, seconds: f64);
}

/// Identifies a registered observer, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserverId(u64);

type Observers = Vec<(ObserverId, Arc<dyn Observer>)>;

/// Usage of all plugins by name. Safe to share; a host and its bindings hold one together.
#[derive(Default)]
pub struct Monitor {
    usages: RwLock<IndexMap<String, Arc<Usage>>>,
    metrics: RwLock<IndexMap<String, Arc<Metrics>>>,
    observers: ArcSwap<Observers>,
    observing: AtomicUsize, // how many: read on every call, cheaper than loading the list
    next_id: AtomicU64,
}

impl Monitor {
    /// The counters of `plugin`, made if there are none yet.
    pub fn usage(&self, plugin: &str) -> Arc<Usage> {
        if let Some(usage) = self.usages.read().get(plugin) {
            return Arc::clone(usage);
        }
        Arc::clone(self.usages.write().entry(plugin.to_owned()).or_default())
    }

    /// A reading for `plugin`; zeros if it was never used.
    #[must_use]
    pub fn stats(&self, plugin: &str) -> Stats {
        self.usages.read().get(plugin).map(|usage| usage.stats()).unwrap_or_default()
    }

    /// The plugin's own numbers, made if there are none yet.
    pub fn metrics(&self, plugin: &str) -> Arc<Metrics> {
        if let Some(metrics) = self.metrics.read().get(plugin) {
            return Arc::clone(metrics);
        }
        Arc::clone(self.metrics.write().entry(plugin.to_owned()).or_default())
    }

    /// The plugins that have counters, in the order they got them.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.usages.read().keys().cloned().collect()
    }

    /// Lets `observer` see every call from now on.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> ObserverId {
        let id = ObserverId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let added = (id, observer);
        self.observers.rcu(|list| {
            let mut list = Observers::clone(list);
            list.push(added.clone());
            list
        });
        self.observing.fetch_add(1, Ordering::Release);
        id
    }

    /// Takes an observer away; whether it was there.
    pub fn unobserve(&self, id: ObserverId) -> bool {
        let before = self.observers.rcu(|list| {
            list.iter().filter(|(other, _)| *other != id).cloned().collect::<Observers>()
        });
        let found = before.iter().any(|(other, _)| *other == id);
        if found {
            self.observing.fetch_sub(1, Ordering::Release);
        }
        found
    }

    /// Runs `notice` for every observer, if there is any.
    pub(crate) fn notify(&self, notice: impl Fn(&dyn Observer)) {
        if self.observing.load(Ordering::Acquire) > 0 {
            for (_, observer) in self.observers.load_full().iter() {
                notice(observer.as_ref());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);

    impl Observer for Log {
        fn before(&self, plugin: &str, action: &str) {
            self.0.lock().push(format!("before {plugin}.{action}"));
        }

        fn after(&self, plugin: &str, action: &str, outcome: Outcome, _seconds: f64) {
            self.0.lock().push(format!("after {plugin}.{action} {outcome:?}"));
        }
    }

    #[test]
    fn counters_are_made_once_and_kept() {
        let monitor = Monitor::default();
        assert!(Arc::ptr_eq(&monitor.usage("a"), &monitor.usage("a")));
        assert_eq!(monitor.names(), ["a"]);
        assert_eq!(monitor.stats("never used"), Stats::default());
    }

    #[test]
    fn observers_see_calls_until_they_are_removed() {
        let (monitor, log) = (Monitor::default(), Arc::new(Log::default()));
        let id = monitor.observe(Arc::clone(&log) as _);
        monitor.notify(|observer| observer.before("p", "a"));
        monitor.notify(|observer| observer.after("p", "a", Outcome::Success, 0.1));
        assert!(monitor.unobserve(id));
        assert!(!monitor.unobserve(id));
        monitor.notify(|observer| observer.before("p", "a"));
        assert_eq!(*log.0.lock(), ["before p.a", "after p.a Success"]);
    }
}
