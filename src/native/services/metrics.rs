//! A plugin's own numbers.

use std::sync::Arc;

use zerepy_core::{Error, ErrorKind, Metric, MetricKind};
use zerepy_plugin_abi::{
    FfiError, FfiHost, FfiMetricService, FfiSlice, Metric as Handle, Status, metric,
};

use super::Scope;
use super::refuse::answer;
use crate::host::text;

#[expect(clippy::cast_possible_truncation, reason = "the table is a few dozen bytes")]
pub(super) static TABLE: FfiMetricService = FfiMetricService {
    size: size_of::<FfiMetricService>() as u32,
    reserved: 0,
    open: Some(open),
    record: Some(record),
    release: Some(release),
};

unsafe extern "C" fn open(
    _: *const FfiHost,
    scope: u64,
    kind: u32,
    name: FfiSlice,
    out: *mut Handle,
    error: *mut FfiError,
) -> Status {
    let body = || {
        let kind = match kind {
            metric::COUNTER => MetricKind::Counter,
            metric::GAUGE => MetricKind::Gauge,
            metric::HISTOGRAM => MetricKind::Histogram,
            _ => return Err(Error::new(ErrorKind::Config, "there is no such kind of metric")),
        };
        let scope = Scope::find(scope)?;
        let home = scope.home()?;
        // SAFETY: the plugin lends the name for the time of this call.
        let name = unsafe { text(name) };
        let found = home.services.metrics(&home.plugin).open(kind, &name)?;
        // SAFETY: the plugin's place for the metric.
        unsafe { out.write(Arc::into_raw(found).cast()) };
        Ok(())
    };
    // SAFETY: the plugin's place for an error.
    unsafe { answer(error, body) }
}

unsafe extern "C" fn record(handle: Handle, value: f64) {
    // SAFETY: the plugin passes what `open` wrote, and has not given it back.
    let metric = unsafe { &*handle.cast::<Metric>() };
    match metric.kind() {
        MetricKind::Counter if value > 0.0 => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            metric.add(value as u64);
        }
        MetricKind::Counter => {}
        MetricKind::Gauge | MetricKind::Histogram => metric.record(value),
    }
}

unsafe extern "C" fn release(handle: Handle) {
    // SAFETY: the plugin gives back, once, what `open` wrote.
    drop(unsafe { Arc::from_raw(handle.cast::<Metric>()) });
}
