//! A plugin's own numbers: counters, gauges and histograms by name. Written without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indexmap::IndexMap;
use parking_lot::{Mutex, RwLock};

use crate::{Error, ErrorKind, Result};

/// How many metrics a plugin may have: names made of data would fill the memory.
const MAX_METRICS: usize = 256;
const MAX_NAME_LEN: usize = 128;

/// What a metric does with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Adds it up; only grows.
    Counter,
    /// Keeps the last one.
    Gauge,
    /// Keeps how the values are distributed.
    Histogram,
}

impl MetricKind {
    /// The kind's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric. Shared by all who asked for it; it never fails and never blocks for long.
#[derive(Debug)]
pub struct Metric {
    kind: MetricKind,
    count: AtomicU64, // a counter's sum, a gauge's bits
    distribution: Mutex<Distribution>,
}

/// The values of a histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// A reading of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// A counter's sum.
    Counter(u64),
    /// A gauge's last value.
    Gauge(f64),
    /// A histogram's values.
    Histogram(Distribution),
}

impl Reading {
    /// The kind of metric that it is of.
    #[must_use]
    pub const fn kind(&self) -> MetricKind {
        match self {
            Self::Counter(_) => MetricKind::Counter,
            Self::Gauge(_) => MetricKind::Gauge,
            Self::Histogram(_) => MetricKind::Histogram,
        }
    }
}

impl Metric {
    fn new(kind: MetricKind) -> Self {
        Self { kind, count: AtomicU64::new(0), distribution: Mutex::default() }
    }

    /// Adds to a counter; nothing happens to another kind. The largest number is the end.
    pub fn add(&self, amount: u64) {
        if self.kind == MetricKind::Counter {
            let add = |sum: u64| Some(sum.saturating_add(amount));
            let _ = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// Sets a gauge, or records into a histogram, where a value that is no number is passed over.
    pub fn record(&self, value: f64) {
        match self.kind {
            MetricKind::Counter => {}
            MetricKind::Gauge => self.count.store(value.to_bits(), Ordering::Relaxed),
            MetricKind::Histogram => self.distribution.lock().add(value),
        }
    }

    /// What it does with a value.
    #[must_use]
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// What it says now.
    #[must_use]
    pub fn read(&self) -> Reading {
        let count = self.count.load(Ordering::Relaxed);
        match self.kind {
            MetricKind::Counter => Reading::Counter(count),
            MetricKind::Gauge => Reading::Gauge(f64::from_bits(count)),
            MetricKind::Histogram => Reading::Histogram(self.distribution.lock().clone()),
        }
    }
}

impl Distribution {
    fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let first = self.count == 0;
        self.count += 1;
        self.sum += value;
        self.min = if first { value } else { self.min.min(value) };
        self.max = if first { value } else { self.max.max(value) };
    }
}

/// The metrics of one plugin by name. They survive a restart of the plugin.
#[derive(Debug, Default)]
pub struct Metrics(RwLock<IndexMap<String, Arc<Metric>>>);

impl Metrics {
    /// Finds or makes the metric `name`. Keep it: this takes a lock.
    ///
    /// # Errors
    /// `Config` for an impossible name, or one that another kind has; `State` if there are too many.
    pub fn open(&self, kind: MetricKind, name: &str) -> Result<Arc<Metric>> {
        if let Some(found) = self.0.read().get(name) {
            return same_kind(found, kind, name);
        }
        if name.is_empty() || name.len() > MAX_NAME_LEN {
            let message = format!("a metric cannot be called {name:?}: 1 to {MAX_NAME_LEN} bytes");
            return Err(Error::new(ErrorKind::Config, message));
        }
        let mut metrics = self.0.write();
        if let Some(found) = metrics.get(name) {
            return same_kind(found, kind, name);
        }
        if metrics.len() >= MAX_METRICS {
            let message = format!("metric {name:?} is one too many: the limit is {MAX_METRICS}");
            return Err(Error::new(ErrorKind::State, message)
                .with_hint("Do not make names out of data such as users or addresses"));
        }
        let metric = Arc::new(Metric::new(kind));
        metrics.insert(name.to_owned(), Arc::clone(&metric));
        Ok(metric)
    }

    /// What all of them say, in the order they were made.
    #[must_use]
    pub fn read(&self) -> Vec<(String, Reading)> {
        self.0.read().iter().map(|(name, metric)| (name.clone(), metric.read())).collect()
    }
}

fn same_kind(metric: &Arc<Metric>, kind: MetricKind, name: &str) -> Result<Arc<Metric>> {
    if metric.kind == kind {
        return Ok(Arc::clone(metric));
    }
    let (is, asked) = (metric.kind.as_str(), kind.as_str());
    Err(Error::new(ErrorKind::Config, format!("metric {name:?} is a {is}, not a {asked}"))
        .with_hint("Give it another name"))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn each_kind_keeps_what_it_should() {
        let metrics = Metrics::default();
        let [counter, gauge, histogram] =
            [MetricKind::Counter, MetricKind::Gauge, MetricKind::Histogram]
                .map(|kind| metrics.open(kind, kind.as_str()).unwrap());
        counter.add(2);
        counter.add(3);
        counter.record(7.0);
        gauge.record(1.0);
        gauge.record(-0.5);
        gauge.add(9);
        for value in [2.0, f64::NAN, -1.0, 4.0] {
            histogram.record(value);
        }
        let distribution = Distribution { count: 3, sum: 5.0, min: -1.0, max: 4.0 };
        assert_eq!(
            metrics.read(),
            [
                ("counter".to_owned(), Reading::Counter(5)),
                ("gauge".to_owned(), Reading::Gauge(-0.5)),
                ("histogram".to_owned(), Reading::Histogram(distribution)),
            ]
        );
    }

    #[test]
    fn a_name_has_one_kind_and_one_metric() {
        let metrics = Metrics::default();
        let first = metrics.open(MetricKind::Counter, "a").unwrap();
        assert!(Arc::ptr_eq(&first, &metrics.open(MetricKind::Counter, "a").unwrap()));
        let error = metrics.open(MetricKind::Gauge, "a").unwrap_err();
        assert_eq!(error.message(), "metric \"a\" is a counter, not a gauge");
        first.add(u64::MAX);
        first.add(1);
        assert_eq!(first.read(), Reading::Counter(u64::MAX));
    }

    #[test]
    fn names_are_bounded() {
        let metrics = Metrics::default();
        let open = |name: &str| metrics.open(MetricKind::Counter, name);
        assert_eq!(open("").unwrap_err().kind(), ErrorKind::Config);
        assert_eq!(open(&"x".repeat(MAX_NAME_LEN + 1)).unwrap_err().kind(), ErrorKind::Config);
        for number in 0..MAX_METRICS {
            open(&number.to_string()).unwrap();
        }
        let error = open("more").unwrap_err();
        assert_eq!(error.message(), "metric \"more\" is one too many: the limit is 256");
        assert!(open("0").is_ok());
    }

    #[test]
    fn no_addition_is_lost() {
        let metric = Metrics::default().open(MetricKind::Counter, "a").unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| metric.add(1)));
            }
        });
        assert_eq!(metric.read(), Reading::Counter(4000));
    }
}
