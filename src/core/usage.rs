//! One plugin's numbers: calls, errors, latencies. Written by every call without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use histogram::AtomicHistogram;
use parking_lot::Mutex;

use crate::Verdict;
use crate::admission::Admission;
use crate::clock::{Moment, nanoseconds};
use crate::recent::Recent;

/// Buckets are exact within 1/16 of their value.
const GROUPING_POWER: u8 = 4;
/// Latencies of 2^42 ticks (a quarter of an hour at 5 GHz) and more share the last bucket.
const MAX_VALUE_POWER: u8 = 42;

/// Calls speak for a plugin's health if there are so many of them,
const MIN_RECENT: u32 = 5;
/// and if the last one is no older than this.
const RECENT: Duration = Duration::from_secs(60);

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned.
    Success,
    /// It failed.
    Failure,
    /// It failed because its time was up.
    Timeout,
    /// Nobody waited for its end: the caller was cancelled or interrupted.
    Abandoned,
}

/// The counters of one plugin. Shared by all its calls; they survive a restart of the plugin.
#[derive(Debug)]
pub struct Usage {
    epoch: Moment,
    epoch_unix: Duration, // the same moment; read once, so that equal readings are equal
    pub(crate) admission: Admission,
    errors: AtomicU64,
    timeouts: AtomicU64,
    total: AtomicU64, // these three, and what is below, in ticks
    max: AtomicU64,
    last_used: AtomicU64, // since the epoch
    still_running: AtomicU64,
    late: AtomicU64,
    pub(crate) recent: Recent,
    latencies: OnceLock<Box<AtomicHistogram>>, // made at the first call: an idle plugin is small
    last_error: Mutex<Option<String>>,
}

/// A reading of [`Usage`]. Durations are in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Calls that ended.
    pub calls: u64,
    /// Of these, calls that failed: timeouts included, abandoned ones not.
    pub errors: u64,
    /// Of these, calls whose time was up.
    pub timeouts: u64,
    /// Calls that are running.
    pub in_flight: u64,
    /// Work that goes on though nobody waits for it any more: its time was up.
    pub still_running: u64,
    /// Work that ended after nobody waited for it any more; its result was dropped.
    pub late: u64,
    /// Half of the calls took at most this long.
    pub p50: f64,
    /// 95 % of the calls took at most this long.
    pub p95: f64,
    /// 99 % of the calls took at most this long.
    pub p99: f64,
    /// The longest call.
    pub max: f64,
    /// All calls together.
    pub total: f64,
    /// The last failure's text.
    pub last_error: Option<String>,
    /// When the last call ended, in seconds since 1970.
    pub last_used: Option<f64>,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            epoch: Moment::now(),
            epoch_unix: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
            admission: Admission::default(),
            errors: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            total: AtomicU64::new(0),
            max: AtomicU64::new(0),
            last_used: AtomicU64::new(0),
            still_running: AtomicU64::new(0),
            late: AtomicU64::new(0),
            recent: Recent::default(),
            latencies: OnceLock::new(),
            last_error: Mutex::new(None),
        }
    }
}

impl Usage {
    /// Counts a call in.
    pub fn enter(&self) {
        self.admission.enter();
    }

    /// Counts a call out that was counted in and began at `began`; `error` is the failure's text.
    pub fn leave(&self, began: Moment, outcome: Outcome, error: Option<&str>) {
        let now = Moment::now();
        let took = now.ticks_since(began);
        let latencies = self.latencies.get_or_init(|| Box::new(new_histogram()));
        let _ = latencies.increment(took.min((1 << MAX_VALUE_POWER) - 1));
        self.total.fetch_add(took, Ordering::Relaxed);
        if took > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(took, Ordering::Relaxed); // seldom: it costs far more than a look
        }
        self.last_used.store(now.ticks_since(self.epoch).max(1), Ordering::Relaxed);
        if matches!(outcome, Outcome::Failure | Outcome::Timeout) {
            self.count_failure(outcome, error);
        }
        self.admission.leave();
    }

    #[cold]
    fn count_failure(&self, outcome: Outcome, error: Option<&str>) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        if outcome == Outcome::Timeout {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(error) = error {
            *self.last_error.lock() = Some(error.to_owned());
        }
    }

    /// Counts work whose time is up and that goes on.
    pub(crate) fn go_on(&self) {
        self.still_running.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts the end of such work.
    pub(crate) fn end_late(&self) {
        self.late.fetch_add(1, Ordering::SeqCst);
        self.still_running.fetch_sub(1, Ordering::SeqCst);
    }

    /// Calls that are running.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.admission.in_flight()
    }

    /// What the calls of the last minute say of the plugin; `None` if there are too few.
    pub(crate) fn recent_verdict(&self) -> Option<Verdict> {
        let last_used = Duration::from_nanos(nanoseconds(self.last_used.load(Ordering::Relaxed)));
        let is_recent = self.epoch.elapsed().saturating_sub(last_used) < RECENT;
        let (calls, failures) = self.recent.read();
        if calls < MIN_RECENT || !is_recent {
            return None;
        }
        let is_ill = failures * 2 >= calls;
        let why = || {
            let last = self.last_error.lock().clone().unwrap_or_default();
            format!("{failures} of its last {calls} calls failed, the last one: {last}")
        };
        Some(if is_ill { Err(why()) } else { Ok(()) })
    }

    /// A reading of everything.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let [p50, p95, p99] = self.percentiles();
        let last_used = self.last_used.load(Ordering::Relaxed);
        Stats {
            calls: self.admission.finished(),
            errors: self.errors.load(Ordering::Relaxed),
            timeouts: self.timeouts.load(Ordering::Relaxed),
            in_flight: self.in_flight(),
            still_running: self.still_running.load(Ordering::SeqCst),
            late: self.late.load(Ordering::SeqCst),
            p50,
            p95,
            p99,
            max: seconds(self.max.load(Ordering::Relaxed)),
            total: seconds(self.total.load(Ordering::Relaxed)),
            last_error: self.last_error.lock().clone(),
            last_used: (last_used > 0).then(|| self.wall_clock(last_used)),
        }
    }

    /// A percentile is its bucket's upper end, but never above the longest call seen.
    fn percentiles(&self) -> [f64; 3] {
        let Some(latencies) = self.latencies.get() else { return [0.0; 3] };
        let snapshot = latencies.load();
        let max = self.max.load(Ordering::Relaxed);
        [0.50, 0.95, 0.99].map(|quantile| quantile_of(&snapshot, quantile, max))
    }

    fn wall_clock(&self, since_epoch: u64) -> f64 {
        (self.epoch_unix + Duration::from_nanos(nanoseconds(since_epoch))).as_secs_f64()
    }
}

fn new_histogram() -> AtomicHistogram {
    let histogram = AtomicHistogram::new(GROUPING_POWER, MAX_VALUE_POWER);
    histogram.expect("the two constants are a valid histogram")
}

fn quantile_of(histogram: &histogram::Histogram, quantile: f64, max: u64) -> f64 {
    let buckets = || histogram.into_iter().filter(|bucket| bucket.count() > 0);
    let total: u64 = buckets().map(|bucket| bucket.count()).sum();
    #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
    let rank = ((total as f64 * quantile).ceil() as u64).max(1);
    let mut seen = 0;
    for bucket in buckets() {
        seen += bucket.count();
        if seen >= rank {
            return seconds(bucket.end().min(max));
        }
    }
    0.0
}

fn seconds(ticks: u64) -> f64 {
    Duration::from_nanos(nanoseconds(ticks)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(usage: &Usage, took: Duration, outcome: Outcome, error: Option<&str>) {
        usage.enter();
        usage.leave(Moment::now().before(took), outcome, error);
    }

    #[test]
    fn an_unused_plugin_has_zeros() {
        assert_eq!(Usage::default().stats(), Stats::default());
    }

    #[test]
    fn percentiles_are_within_a_sixteenth() {
        let usage = Usage::default();
        for milliseconds in 1..=100 {
            called(&usage, Duration::from_millis(milliseconds), Outcome::Success, None);
        }
        let stats = usage.stats();
        assert_eq!((stats.calls, stats.errors, stats.in_flight), (100, 0, 0));
        for (got, want) in [(stats.p50, 0.050), (stats.p95, 0.095), (stats.p99, 0.099)] {
            assert!((want..want * 1.1).contains(&got), "{got} is not about {want}");
        }
        assert!(stats.max >= 0.1 && stats.p99 <= stats.max);
        assert!((5.05..6.0).contains(&stats.total), "{}", stats.total);
        assert!(stats.last_used.is_some());
    }

    #[test]
    fn failures_and_timeouts_are_told_apart() {
        let usage = Usage::default();
        called(&usage, Duration::ZERO, Outcome::Failure, Some("first"));
        called(&usage, Duration::ZERO, Outcome::Timeout, Some("second"));
        let stats = usage.stats();
        assert_eq!((stats.calls, stats.errors, stats.timeouts), (2, 2, 1));
        assert_eq!(stats.last_error.as_deref(), Some("second"));
    }

    #[test]
    fn an_abandoned_call_is_a_call_and_no_error() {
        let usage = Usage::default();
        called(&usage, Duration::ZERO, Outcome::Failure, Some("real"));
        called(&usage, Duration::ZERO, Outcome::Abandoned, Some("cancelled"));
        let stats = usage.stats();
        assert_eq!((stats.calls, stats.errors, stats.in_flight), (2, 1, 0));
        assert_eq!(stats.last_error.as_deref(), Some("real"));
    }

    #[test]
    fn a_refused_call_leaves_no_trace() {
        let usage = Usage::default();
        let refused: Result<(), _> = usage.admission.admit(|| Err(usage.in_flight()));
        assert_eq!(refused, Err(1)); // it counts while it looks
        assert_eq!(usage.stats(), Stats::default());
    }
}
