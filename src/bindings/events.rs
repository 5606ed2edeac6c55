//! The event bus, as Python sees it.

use std::sync::Arc;

use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};
use zerepy_core::{ErrorKind, Event, EventSink, Pattern, SubscriptionId, Subscriptions};
use zerepy_native::{Form, Subscriber, Tape};

use crate::errors::OrRaise;
use crate::undo::Undo;
use crate::{awaitable, background, logging, records, walk};

/// The handlers of one bus.
pub(crate) type Handlers = Arc<Subscriptions<Handler>>;

/// Who hears of an event.
#[derive(Clone)]
pub(crate) enum Handler {
    /// A function; it is called by whoever publishes.
    Python(Arc<Py<PyAny>>),
    /// A plugin's; it is called on the background thread, with the interpreter released.
    Native(Arc<Subscriber>),
}

impl Handler {
    fn python(&self) -> Option<&Py<PyAny>> {
        match self {
            Self::Python(handler) => Some(handler),
            Self::Native(_) => None,
        }
    }
}

/// Publishes events to whoever subscribed.
#[pyclass(frozen, module = "zerepy_plugins._native")]
#[derive(Default)]
pub(crate) struct EventBus {
    subscriptions: Handlers,
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
        let id = self.subscriptions.subscribe(pattern, Handler::Python(Arc::new(handler.unbind())));
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
            let Some(subscribed) = subscribed.python().filter(|_| other == pattern) else {
                continue;
            };
            if subscribed.bind(py).eq(handler)? {
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
        let all = self.subscriptions.list();
        all.iter().filter_map(|(.., handler)| handler.python()).try_for_each(|it| visit.call(it))
    }

    fn __clear__(&self) {
        let all: Vec<_> = self.subscriptions.list().iter().map(|(id, ..)| *id).collect();
        self.subscriptions.remove(&all);
    }
}

impl EventBus {
    /// Its handlers, without the bus.
    pub(crate) fn handlers(&self) -> Handlers {
        Arc::clone(&self.subscriptions)
    }

    /// The way of a host's own events to this bus.
    pub(crate) fn sink(&self) -> Sink {
        Sink(Arc::clone(&self.subscriptions))
    }
}

/// Calls every Python handler of `name`, and queues the event for native ones.
fn deliver(
    subscriptions: &Subscriptions<Handler>,
    name: &str,
    event: &Bound<'_, PyAny>,
) -> PyResult<Published> {
    let matches = subscriptions.matching(name);
    let natives = natives(matches.iter().map(|(_, handler)| handler));
    if !natives.is_empty() {
        queue(natives, name.to_owned(), event)?;
    }
    call_handlers(matches.iter().filter_map(|(_, handler)| handler.python()), name, event)
}

/// Has native handlers called soon; an event need not have more than a name.
fn queue(natives: Vec<Arc<Subscriber>>, name: String, event: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = event.py();
    let source = event.getattr_opt(intern!(py, "source"))?;
    let source = source.map_or_else(String::new, |source| source.to_string());
    let data = event.getattr_opt(intern!(py, "data"))?.unwrap_or_else(|| py.None().into_bound(py));
    let queued =
        walk::copied(&data, Form::DEFAULT, "event.data", ErrorKind::Execution).and_then(|data| {
            background::submit(move || {
                for native in &natives {
                    native.handle(&name, &source, &data);
                }
            })
        });
    if let Err(error) = queued {
        tracing::warn!(target: "zerepy_plugins.events", %error, "no native plugin hears of it");
    }
    Ok(())
}

fn natives<'h>(handlers: impl Iterator<Item = &'h Handler>) -> Vec<Arc<Subscriber>> {
    let native = |handler: &Handler| match handler {
        Handler::Native(subscriber) => Some(Arc::clone(subscriber)),
        Handler::Python(_) => None,
    };
    handlers.filter_map(native).collect()
}

/// Delivers an event that a native plugin published, on the background thread: to native handlers
/// first, then to those in Python.
pub(crate) fn deliver_queued(handlers: &Handlers, name: &str, source: &str, data: &Tape) {
    let matches = handlers.matching(name);
    for native in natives(matches.iter().map(|(_, handler)| handler)) {
        native.handle(name, source, data);
    }
    let functions = || matches.iter().filter_map(|(_, handler)| handler.python());
    if functions().next().is_none() {
        return;
    }
    background::attached(|py| {
        let data = walk::read_tape(py, data).or_raise(py);
        let delivered = data
            .and_then(|data| records::event_of(py, name, data, source))
            .and_then(|event| call_handlers(functions(), name, &event));
        if let Err(raised) = delivered {
            raised.write_unraisable(py, None); // nobody waits for it
        }
        logging::flush(py);
    });
}

/// Calls these handlers; a failing one is logged and does not stop the others.
fn call_handlers<'h>(
    handlers: impl Iterator<Item = &'h Py<PyAny>>,
    name: &str,
    event: &Bound<'_, PyAny>,
) -> PyResult<Published> {
    let py = event.py();
    let mut pending = Vec::new();
    for handler in handlers {
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
pub(crate) struct Sink(Handlers);

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
