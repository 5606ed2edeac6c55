//! The event bus, as Python sees it.

mod delivery;
mod owner;

use std::num::NonZeroUsize;
use std::sync::Arc;

use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use zerepy_core::{EventCounts, Pattern, SubscriptionId};

use crate::backlog::Backlog;
use crate::errors::OrRaise;
use crate::undo::Undo;

pub(crate) use delivery::{Handler, Handlers, Published};
use delivery::{Sink, Subscriber};
use owner::Owner;

/// How many events may wait for one `async` handler, unless it is said otherwise.
const MAX_PENDING: NonZeroUsize = NonZeroUsize::new(1000).expect("it is not zero");

/// Publishes events to whoever subscribed.
///
/// A view of a bus is one, too: it has the bus's handlers, and an owner.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct EventBus {
    handlers: Arc<Handlers>,
    max_pending: NonZeroUsize,
    owner: Option<Arc<Owner>>,
}

impl Default for EventBus {
    fn default() -> Self {
        Self { handlers: Arc::default(), max_pending: MAX_PENDING, owner: None }
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
        let (counts, home) = (Arc::clone(&self.handlers.counts), home_loop(py)?);
        let backlog = Backlog::new(self.max_pending, counts, pattern.to_owned(), home);
        let subscriber = Subscriber { function: handler.unbind(), backlog: Py::new(py, backlog)? };
        let handler = Handler::Python(Arc::new(subscriber));
        let subscribe = || self.handlers.subscriptions.subscribe(parsed, handler);
        let id = match &self.owner {
            None => subscribe(),
            Some(owner) => owner.keep(subscribe).or_raise(py)?,
        };
        let (handlers, owner) = (Arc::clone(&self.handlers), self.owner.clone());
        Ok(Undo::new(move || {
            handlers.subscriptions.remove(&[id]);
            if let Some(owner) = owner {
                owner.forget(&[id]);
            }
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
        for (id, other, subscribed) in self.handlers.subscriptions.list() {
            let Some(subscriber) = subscribed.python().filter(|_| other == pattern) else {
                continue;
            };
            if subscriber.function.bind(py).eq(handler)? {
                gone.push(id);
            }
        }
        if let Some(owner) = &self.owner {
            owner.forget(&gone);
        }
        Ok(self.handlers.subscriptions.remove(&gone) > 0)
    }

    /// End all subscriptions, or those to that very pattern.
    #[pyo3(signature = (pattern=None))]
    fn clear_subscribers(&self, py: Python<'_>, pattern: Option<&str>) -> PyResult<()> {
        let pattern = pattern.map(Pattern::parse).transpose().or_raise(py)?;
        let all = self.handlers.subscriptions.list();
        let gone = all.iter().filter(|(_, other, _)| pattern.as_ref().is_none_or(|it| it == other));
        self.handlers
            .subscriptions
            .remove(&gone.map(|(id, ..)| *id).collect::<Vec<SubscriptionId>>());
        Ok(())
    }

    /// Deliver an event, in the order of the subscriptions.
    fn publish(&self, py: Python<'_>, event: &Bound<'_, PyAny>) -> PyResult<Published> {
        let name = event.getattr(intern!(py, "name")).and_then(|name| name.extract());
        let name: String = name.map_err(|raised| no_event(event, raised))?;
        self.handlers.counts.published();
        self.handlers.deliver(&name, event)
    }

    /// Return what waits for everything that is pending now.
    fn drain(&self, py: Python<'_>) -> Published {
        let all = self.handlers.subscriptions.list();
        let subscribers = all.iter().filter_map(|(.., handler)| handler.python());
        Published::new(subscribers.filter_map(|it| it.backlog.get().latest(py)).collect())
    }

    /// Return how many events were published, delivered, dropped, failed, and are pending.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let reading = self.handlers.counts.read();
        let stats = PyDict::new(py);
        stats.set_item("published", reading.published)?;
        stats.set_item("delivered", reading.delivered)?;
        stats.set_item("dropped", reading.dropped)?;
        stats.set_item("failed", reading.failed)?;
        let all = self.handlers.subscriptions.list();
        let subscribers = all.iter().filter_map(|(.., handler)| handler.python());
        let pending: usize = subscribers.map(|it| it.backlog.get().len()).sum();
        stats.set_item("pending", pending)?;
        Ok(stats)
    }

    /// As ZerePy's own bus has it: Python handlers by what they subscribed to; a copy.
    #[getter(_subscribers)]
    fn zerepy_subscribers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let by_pattern = PyDict::new(py);
        for (_, pattern, subscribed) in self.handlers.subscriptions.list() {
            let Some(subscriber) = subscribed.python() else { continue };
            let pattern = pattern.to_string();
            let handlers = match by_pattern.get_item(&pattern)? {
                Some(handlers) => handlers.cast_into::<PyList>()?,
                None => PyList::empty(py),
            };
            handlers.append(subscriber.function.bind(py))?;
            by_pattern.set_item(pattern, handlers)?;
        }
        Ok(by_pattern)
    }

    /// A view for one plugin: what it subscribes to there can be ended together.
    fn _view_of(slf: &Bound<'_, Self>, plugin: String) -> Self {
        let (bus, handlers) = (slf.get(), Arc::clone(&slf.get().handlers));
        let owner = Owner::new(slf.clone().unbind(), plugin);
        Self { handlers, max_pending: bus.max_pending, owner: Some(Arc::new(owner)) }
    }

    /// End what a view's plugin still subscribes to, for good; return the patterns.
    fn _release(&self) -> Vec<String> {
        let Some(owner) = &self.owner else { return Vec::new() };
        let kept = owner.release();
        let all = self.handlers.subscriptions.list();
        let left = all.iter().filter(|(id, ..)| kept.contains(id));
        let patterns = left.map(|(_, pattern, _)| pattern.to_string()).collect();
        self.handlers.subscriptions.remove(&kept);
        patterns
    }

    /// Handlers often refer to what the bus belongs to. A view shows the bus: the handlers would
    /// be counted twice.
    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(owner) = &self.owner {
            return visit.call(&owner.bus);
        }
        let all = self.handlers.subscriptions.list();
        let mut subscribers = all.iter().filter_map(|(.., handler)| handler.python());
        subscribers.try_for_each(|it| visit.call(&it.function))
    }

    fn __clear__(&self) {
        if self.owner.is_some() {
            return; // the bus may live on
        }
        let all: Vec<_> = self.handlers.subscriptions.list().iter().map(|(id, ..)| *id).collect();
        self.handlers.subscriptions.remove(&all);
    }
}

impl EventBus {
    /// Its handlers, without the bus.
    pub(crate) fn handlers(&self) -> Arc<Handlers> {
        Arc::clone(&self.handlers)
    }

    /// The way of a host's own events to this bus.
    pub(crate) fn sink(&self) -> Sink {
        Sink(Arc::clone(&self.handlers))
    }

    /// What became of its events.
    pub(crate) fn counts(&self) -> &EventCounts {
        &self.handlers.counts
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

/// What is raised for something that is published and has no name: of the same class, and saying it.
#[cold]
fn no_event(given: &Bound<'_, PyAny>, raised: PyErr) -> PyErr {
    let (py, class) = (given.py(), given.get_type());
    if !given.hasattr(intern!(py, "name")).unwrap_or(false) {
        let message =
            format!("{class} has no name; publish an event, such as Event(\"a.b\", data)");
        return PyAttributeError::new_err(message);
    }
    if raised.is_instance_of::<PyTypeError>(py) {
        return PyTypeError::new_err(format!("the name of an event, here {class}, must be a str"));
    }
    raised
}
