//! The event bus, as Python sees it.

use std::sync::Arc;

use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};
use zerepy_core::{Event, EventSink, Pattern, SubscriptionId, Subscriptions};

use crate::errors::OrRaise;
use crate::undo::Undo;
use crate::{awaitable, records};

type Handler = Arc<Py<PyAny>>;

/// Publishes events to whoever subscribed.
#[pyclass(frozen, module = "zerepy_plugins._native")]
#[derive(Default)]
pub(crate) struct EventBus {
    subscriptions: Arc<Subscriptions<Handler>>,
}

#[pymethods]
impl EventBus {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Have ``handler`` called with every event that matches.
    fn subscribe(
        &self,
        py: Python<'_>,
        pattern: &str,
        handler: Bound<'_, PyAny>,
    ) -> PyResult<Undo> {
        let pattern = Pattern::parse(pattern).or_raise(py)?;
        if !handler.is_callable() {
            let message = format!("an event handler must be callable, not {}", handler.get_type());
            return Err(PyTypeError::new_err(message));
        }
        let id = self.subscriptions.subscribe(pattern, Arc::new(handler.unbind()));
        let subscriptions = Arc::clone(&self.subscriptions);
        Ok(Undo::new(move || {
            subscriptions.remove(&[id]);
        }))
    }

    /// End the subscriptions of ``handler`` to that very pattern; say whether there were any.
    fn unsubscribe(
        &self,
        py: Python<'_>,
        pattern: &str,
        handler: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let pattern = Pattern::parse(pattern).or_raise(py)?;
        let mut gone = Vec::new();
        for (id, other, subscribed) in self.subscriptions.list() {
            if other == pattern && subscribed.bind(py).eq(handler)? {
                gone.push(id);
            }
        }
        Ok(self.subscriptions.remove(&gone) > 0)
    }

    /// End all subscriptions, or those to that very pattern.
    #[pyo3(signature = (pattern=None))]
    fn clear_subscribers(&self, py: Python<'_>, pattern: Option<&str>) -> PyResult<()> {
        let pattern = pattern.map(Pattern::parse).transpose().or_raise(py)?;
        let all = self.subscriptions.list();
        let gone = all.iter().filter(|(_, other, _)| pattern.as_ref().is_none_or(|it| it == other));
        self.subscriptions.remove(&gone.map(|(id, ..)| *id).collect::<Vec<SubscriptionId>>());
        Ok(())
    }

    /// Deliver an event, in the order of the subscriptions.
    fn publish<'py>(&self, py: Python<'py>, event: &Bound<'py, PyAny>) -> PyResult<Published> {
        let name = event.getattr(intern!(py, "name"))?.extract::<String>()?;
        deliver(&self.subscriptions, &name, event)
    }

    /// Handlers often refer to what the bus belongs to.
    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.subscriptions.list().iter().try_for_each(|(_, _, handler)| visit.call(&**handler))
    }

    fn __clear__(&self) {
        let all: Vec<_> = self.subscriptions.list().iter().map(|(id, ..)| *id).collect();
        self.subscriptions.remove(&all);
    }
}

impl EventBus {
    /// The way of a host's own events to this bus.
    pub(crate) fn sink(&self) -> Sink {
        Sink(Arc::clone(&self.subscriptions))
    }
}

/// Calls every handler of `name`; a failing one is logged and does not stop the others.
fn deliver(
    subscriptions: &Subscriptions<Handler>,
    name: &str,
    event: &Bound<'_, PyAny>,
) -> PyResult<Published> {
    let py = event.py();
    let mut pending = Vec::new();
    for (_, handler) in subscriptions.matching(name).iter() {
        let outcome = handler.bind(py).call1((event,)).and_then(|result| {
            if awaitable::is_awaitable(&result) {
                let module = py.import(intern!(py, "zerepy_plugins._loop"))?;
                pending.push(module.call_method1("schedule", (result, name))?.unbind());
            }
            Ok(())
        });
        if let Err(raised) = outcome {
            if !raised.is_instance_of::<PyException>(py) {
                return Err(raised);
            }
            let module = py.import(intern!(py, "zerepy_plugins._loop"))?;
            module.call_method1("log_handler_error", (name, raised.into_value(py)))?;
        }
    }
    Ok(Published { pending })
}

/// What ``publish`` returns: awaiting it waits for the ``async`` handlers.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct Published {
    pending: Vec<Py<PyAny>>,
}

#[pymethods]
impl Published {
    fn __await__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if self.pending.is_empty() {
            return Ok(PyIterator::from_object(PyTuple::empty(py).as_any())?.into_any());
        }
        let gather = py.import("zerepy_plugins._loop")?.getattr("gather")?;
        gather.call1(PyTuple::new(py, &self.pending)?)?.call_method0("__await__")
    }
}

/// Where a host's own events go: the handlers of a bus, without the bus.
pub(crate) struct Sink(Arc<Subscriptions<Handler>>);

impl EventSink for Sink {
    fn listening(&self) -> bool {
        self.0.any()
    }

    fn publish(&self, event: &Event) {
        if self.0.matching(&event.name).is_empty() {
            return;
        }
        Python::attach(|py| {
            let delivered =
                records::event(py, event).and_then(|object| deliver(&self.0, &event.name, &object));
            if let Err(raised) = delivered {
                raised.write_unraisable(py, None); // the host's own step goes on
            }
        });
    }
}
