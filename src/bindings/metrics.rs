//! A plugin's own numbers, as Python sees them.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerepy_core::{Metric, MetricKind, Metrics, Reading};

use crate::errors::OrRaise;

/// The numbers of one plugin, by name.
#[pyclass(frozen, module = "zerepy_plugins._native")]
#[derive(Default)]
pub(crate) struct PluginMetrics(pub(crate) Arc<Metrics>);

#[pymethods]
impl PluginMetrics {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Return the counter of that name.
    fn counter(&self, py: Python<'_>, name: &str) -> PyResult<Counter> {
        self.0.open(MetricKind::Counter, name).or_raise(py).map(Counter)
    }

    /// Return the gauge of that name.
    fn gauge(&self, py: Python<'_>, name: &str) -> PyResult<Gauge> {
        self.0.open(MetricKind::Gauge, name).or_raise(py).map(Gauge)
    }

    /// Return the histogram of that name.
    fn histogram(&self, py: Python<'_>, name: &str) -> PyResult<Histogram> {
        self.0.open(MetricKind::Histogram, name).or_raise(py).map(Histogram)
    }
}

/// A number that only grows.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct Counter(Arc<Metric>);

#[pymethods]
impl Counter {
    /// Add to it.
    #[pyo3(signature = (amount=1))]
    fn add(&self, amount: u64) {
        self.0.add(amount);
    }
}

/// A number that is set.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct Gauge(Arc<Metric>);

#[pymethods]
impl Gauge {
    /// Set it.
    fn set(&self, value: f64) {
        self.0.record(value);
    }
}

/// How numbers are distributed.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct Histogram(Arc<Metric>);

#[pymethods]
impl Histogram {
    /// Record a number; what is not a number is passed over.
    fn record(&self, value: f64) {
        self.0.record(value);
    }
}

/// What all of a plugin's metrics say, by name.
pub(crate) fn read<'py>(py: Python<'py>, metrics: &Metrics) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    for (name, reading) in metrics.read() {
        all.set_item(name, one(py, &reading)?)?;
    }
    Ok(all)
}

fn one<'py>(py: Python<'py>, reading: &Reading) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("kind", reading.kind().as_str())?;
    match reading {
        Reading::Counter(value) => fields.set_item("value", value)?,
        Reading::Gauge(value) => fields.set_item("value", value)?,
        Reading::Histogram(values) => {
            fields.set_item("count", values.count)?;
            fields.set_item("sum", values.sum)?;
            fields.set_item("min", values.min)?;
            fields.set_item("max", values.max)?;
        }
    }
    Ok(fields)
}
