//! What the host tells, as the dataclasses of `zerepy_plugins.records`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerepy_core::{Event, Failure, PluginState, Stats, Status};

use crate::errors;

fn record<'py>(
    py: Python<'py>,
    class: &str,
    fields: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("zerepy_plugins.records")?.getattr(class)?.call((), Some(fields))
}

pub(crate) fn failure<'py>(py: Python<'py>, failure: &Failure) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("stage", failure.stage.as_str())?;
    fields.set_item("plugin", &failure.plugin)?;
    fields.set_item("origin", &failure.origin)?;
    fields.set_item("error", errors::to_python(py, &failure.error).into_value(py))?;
    fields.set_item("traceback", errors::traceback(py, &failure.error))?;
    fields.set_item("hint", failure.error.hint())?;
    record(py, "PluginFailure", &fields)
}

pub(crate) fn status<'py>(py: Python<'py>, status: &Status) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("name", &status.info.name)?;
    fields.set_item("category", status.info.category.as_str())?;
    fields.set_item("version", &status.info.version)?;
    fields.set_item("kind", status.kind.as_str())?;
    fields.set_item("origin", &status.origin)?;
    fields.set_item("state", state(py, status.state)?)?;
    fields.set_item("healthy", status.is_healthy())?;
    fields.set_item("complaint", &status.complaint)?;
    let failed = status.failure.as_ref().map(|failed| failure(py, failed)).transpose()?;
    fields.set_item("failure", failed)?;
    record(py, "PluginStatus", &fields)
}

fn state(py: Python<'_>, state: PluginState) -> PyResult<Bound<'_, PyAny>> {
    py.import("zerepy_plugins.records")?.getattr("PluginState")?.call1((state.as_str(),))
}

pub(crate) fn stats<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("calls", stats.calls)?;
    fields.set_item("errors", stats.errors)?;
    fields.set_item("timeouts", stats.timeouts)?;
    fields.set_item("in_flight", stats.in_flight)?;
    fields.set_item("still_running", stats.still_running)?;
    fields.set_item("late", stats.late)?;
    fields.set_item("p50", stats.p50)?;
    fields.set_item("p95", stats.p95)?;
    fields.set_item("p99", stats.p99)?;
    fields.set_item("max", stats.max)?;
    fields.set_item("total", stats.total)?;
    fields.set_item("last_error", &stats.last_error)?;
    fields.set_item("last_used", stats.last_used)?;
    record(py, "PluginStats", &fields)
}

pub(crate) fn event<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyAny>> {
    event_of(py, &event.name, pythonize::pythonize(py, &event.data)?, &event.source)
}

pub(crate) fn event_of<'py>(
    py: Python<'py>,
    name: &str,
    data: Bound<'py, PyAny>,
    source: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("name", name)?;
    fields.set_item("data", data)?;
    fields.set_item("source", source)?;
    record(py, "Event", &fields)
}
