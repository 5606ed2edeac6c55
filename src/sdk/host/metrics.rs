//! A plugin's own numbers.

use std::ptr;

use zerepy_plugin_abi::{FfiMetricService, FfiSlice, Metric};

use super::extension::{find, function, host};
use super::reply::ask;
use crate::Result;

/// A metric that was opened. Its numbers stay when it is dropped.
#[derive(Debug)]
pub(super) struct Opened(Metric);

// SAFETY: the host's metric may be used on any thread.
unsafe impl Send for Opened {}
// SAFETY: as above, and by several at once.
unsafe impl Sync for Opened {}

pub(super) fn open(scope: u64, kind: u32, name: &str) -> Result<Opened> {
    let open = function(|table: &FfiMetricService| table.open)?;
    let (name, mut metric) = (FfiSlice::new(name.as_bytes()), ptr::null());
    // SAFETY: the name lives until the end of the call, as does the place for the metric.
    ask(|error| unsafe { open(host(), scope, kind, name, &raw mut metric, error) })?;
    Ok(Opened(metric))
}

impl Opened {
    fn record(&self, value: f64) {
        if let Some(record) = find::<FfiMetricService>().and_then(|table| table.record) {
            // SAFETY: the host made it, and it was not given back.
            unsafe { record(self.0, value) };
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(release) = find::<FfiMetricService>().and_then(|table| table.release) {
            // SAFETY: what the host made, once.
            unsafe { release(self.0) };
        }
    }
}

/// A number that only grows.
#[derive(Debug)]
pub struct Counter(pub(super) Opened);

impl Counter {
    /// Adds to it. Amounts above 2^53 are rounded.
    #[expect(clippy::cast_precision_loss, reason = "said above")]
    pub fn add(&self, amount: u64) {
        self.0.record(amount as f64);
    }
}

/// A number that is set.
#[derive(Debug)]
pub struct Gauge(pub(super) Opened);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.record(value);
    }
}

/// How numbers are distributed.
#[derive(Debug)]
pub struct Histogram(pub(super) Opened);

impl Histogram {
    /// Records a number; what is not a number is passed over.
    pub fn record(&self, value: f64) {
        self.0.record(value);
    }
}
