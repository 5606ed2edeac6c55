//! The event bus, as Python sees it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use pyo3::exceptions::{PyException, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyTuple};
use zerepy_core::{Event, EventCounts, EventSink, Pattern, SubscriptionId, Subscriptions};

use crate::backlog::Backlog;
use crate::errors::OrRaise;
use crate::undo::Undo;
use crate::{awaitable, records};

/// How many events may wait for one `async` handler, unless it is said otherwise.
const MAX_PENDING: NonZeroUsize = NonZeroUsize::new(1000).expect("it is not zero");

/// A handler, and what waits for it if it is async.
struct Subscriber {
    handler: Py<PyAny>,
    backlog: Py<Backlog>,
}

type Subscribers = Subscriptions<Arc<Subscriber>>;

/// Publishes events to whoever subscribed.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct EventBus {
    subscriptions: Arc<Subscribers>,
    counts: Arc<EventCounts>,
    max_pending: NonZeroUsize,
}

impl Default for EventBus {
    fn default() -> Self {
        let (subscriptions, counts) = (Arc::default(), Arc::default());
        Self { subscriptions, counts, max_pending: MAX_PENDING }
    }
}

#[pymethods]
impl EventBus {
    #[new]
    #[pyo3(signature = (*, max_pending=MAX_PENDING.get()))]
    fn new(max_pending: usize) -> PyResult<Self> {
        let max_pending = NonZeroUsize::new(max_pending)
            .ok_or_else(|| PyValueError::new_err("max_pending must be at least 1"))?;
        Ok(Self { max_pending, ..Self::default() })
    }

    /// Have ``handler`` called with every event that matches.
    fn subscribe(
        &self,
        py: Python<'_>,
        pattern: &str,
        handler: Bound<'_, PyAny>,
    ) -> PyResult<Undo> {
        let parsed = Pattern::parse(pattern).or_raise(py)?;
        if !handler.is_callable() {
            let message = format!("an event handler must be callable, not {}", handler.get_type());
            return Err(PyTypeError::new_err(message));
        }
        let (counts, home) = (Arc::clone(&self.counts), home_loop(py)?);
        let backlog = Backlog::new(self.max_pending, counts, pattern.to_owned(), home);
        let subscriber = Subscriber { handler: handler.unbind(), backlog: Py::new(py, backlog)? };
        let id = self.subscriptions.subscribe(parsed, Arc::new(subscriber));
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
        for (id, other, subscriber) in self.subscriptions.list() {
            if other == pattern && subscriber.handler.bind(py).eq(handler)? {
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
    fn publish(&self, py: Python<'_>, event: &Bound<'_, PyAny>) -> PyResult<Published> {
        let name = event.getattr(intern!(py, "name"))?.extract::<String>()?;
        self.counts.published();
        deliver(&self.subscriptions, &self.counts, &name, event)
    }

    /// Return what waits for everything that is pending now.
    fn drain(&self, py: Python<'_>) -> Published {
        let all = self.subscriptions.list();
        let pending = all.iter().filter_map(|(_, _, it)| it.backlog.get().latest(py));
        Published { pending: pending.collect() }
    }

    /// Return how many events were published, delivered, dropped, failed, and are pending.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let reading = self.counts.read();
        let stats = PyDict::new(py);
        stats.set_item("published", reading.published)?;
        stats.set_item("delivered", reading.delivered)?;
        stats.set_item("dropped", reading.dropped)?;
        stats.set_item("failed", reading.failed)?;
        let all = self.subscriptions.list();
        let pending: usize = all.iter().map(|(_, _, it)| it.backlog.get().len()).sum();
        stats.set_item("pending", pending)?;
        Ok(stats)
    }

    /// Handlers often refer to what the bus belongs to.
    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.subscriptions.list().iter().try_for_each(|(_, _, it)| visit.call(&it.handler))
    }

    fn __clear__(&self) {
        let all: Vec<_> = self.subscriptions.list().iter().map(|(id, ..)| *id).collect();
        self.subscriptions.remove(&all);
    }
}

impl EventBus {
    /// The way of a host's own events to this bus.
    pub(crate) fn sink(&self) -> Sink {
        Sink(Arc::clone(&self.subscriptions), Arc::clone(&self.counts))
    }

    /// What became of its events.
    pub(crate) fn counts(&self) -> &EventCounts {
        &self.counts
    }
}

/// The loop that a subscriber belongs to: the one that runs, or that its plugin was started from.
fn home_loop(py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    if !modules.contains(intern!(py, "asyncio"))? {
        return Ok(None); // importing it would take longer than all the rest
    }
    let here = py.import("zerepy_plugins._loop")?.call_method0("here")?;
    Ok((!here.is_none()).then(|| here.unbind()))
}

/// Calls every handler of `name`; a failing one is logged and does not stop the others.
fn deliver(
    subscriptions: &Subscribers,
    counts: &EventCounts,
    name: &str,
    event: &Bound<'_, PyAny>,
) -> PyResult<Published> {
    let py = event.py();
    let mut pending = Vec::new();
    for (_, subscriber) in subscriptions.matching(name).iter() {
        let outcome = subscriber.handler.bind(py).call1((event,)).and_then(|result| {
            if awaitable::is_awaitable(&result) {
                pending.push(Backlog::put(subscriber.backlog.bind(py), result, name)?);
            } else {
                counts.handled(false);
            }
            Ok(())
        });
        if let Err(raised) = outcome {
            if !raised.is_instance_of::<PyException>(py) {
                return Err(raised);
            }
            counts.handled(true);
            let module = py.import(intern!(py, "zerepy_plugins._events"))?;
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
        let gather = py.import("zerepy_plugins._events")?.getattr("gather")?;
        gather.call1(PyTuple::new(py, &self.pending)?)?.call_method0("__await__")
    }
}

/// Where a host's own events go: the handlers of a bus, without the bus.
pub(crate) struct Sink(Arc<Subscribers>, Arc<EventCounts>);

impl EventSink for Sink {
    fn listening(&self) -> bool {
        self.0.any()
    }

    fn publish(&self, event: &Event) {
        self.1.published();
        if self.0.matching(&event.name).is_empty() {
            return;
        }
        Python::attach(|py| {
            let delivered = records::event(py, event)
                .and_then(|object| deliver(&self.0, &self.1, &event.name, &object));
            if let Err(raised) = delivered {
                raised.write_unraisable(py, None); // the host's own step goes on
            }
        });
    }
}
