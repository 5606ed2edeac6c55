//! Who hears of an event, and how it gets there. It knows no bus object, so that what delivers does
//! not keep one alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};
use zerepy_core::{
    Error, ErrorKind, Event, EventCounts, EventSink, Matches, Result, Subscriptions,
};
use zerepy_native::{Form, Subscriber as NativeSubscriber, Tape};

use crate::backlog::Backlog;
use crate::errors::OrRaise;
use crate::{awaitable, background, logging, records, walk};

/// The handlers of one bus, and what became of its events.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) subscriptions: Subscriptions<Handler>,
    pub(crate) counts: Arc<EventCounts>,
    warned: AtomicBool, // that events are dropped
}

/// Who hears of an event.
#[derive(Clone)]
pub(crate) enum Handler {
    /// A function; it is called by whoever publishes.
    Python(Arc<Subscriber>),
    /// A plugin's; it is called on the background thread, with the interpreter released.
    Native(Arc<NativeSubscriber>),
}

/// A function, and what waits for it if it is async.
pub(crate) struct Subscriber {
    pub(crate) function: Py<PyAny>,
    pub(crate) backlog: Py<Backlog>,
}

impl Handler {
    pub(crate) fn python(&self) -> Option<&Subscriber> {
        match self {
            Self::Python(subscriber) => Some(subscriber),
            Self::Native(_) => None,
        }
    }
}

impl Handlers {
    /// Calls every Python handler of `name`, and queues the event for native ones.
    pub(crate) fn deliver(&self, name: &str, event: &Bound<'_, PyAny>) -> PyResult<Published> {
        let matches = self.subscriptions.matching(name);
        let native = natives(&matches).count();
        if native > 0
            && let Err(error) = queue(Arc::clone(&matches), name.to_owned(), event)?
        {
            self.miss(native, &error);
        }
        self.call(matches.iter().filter_map(|(_, handler)| handler.python()), name, event)
    }

    /// Delivers an event that a native plugin published, on the background thread: to native
    /// handlers first, then to those in Python.
    pub(crate) fn deliver_queued(&self, name: &str, source: &str, data: &Tape) {
        self.counts.published();
        let matches = self.subscriptions.matching(name);
        NativeSubscriber::deliver(natives(&matches), name, source, data);
        let subscribers = || matches.iter().filter_map(|(_, handler)| handler.python());
        if subscribers().next().is_none() {
            return;
        }
        background::attached(|py| {
            let data = walk::read_tape(py, data).or_raise(py);
            let delivered = data
                .and_then(|data| records::event_of(py, name, data, source))
                .and_then(|event| self.call(subscribers(), name, &event));
            if let Err(raised) = delivered {
                raised.write_unraisable(py, None); // nobody waits for it
            }
            logging::flush(py);
        });
    }

    /// Accounts for an event that so many native handlers do not hear of. That they lag behind is
    /// said once.
    fn miss(&self, handlers: usize, error: &Error) {
        self.counts.dropped(handlers);
        if error.kind() != ErrorKind::NotReady {
            tracing::warn!(target: "zerepy_plugins.events", %error, "no native plugin hears of it");
        } else if !self.warned.swap(true, Ordering::Relaxed) {
            let message = "an event is dropped for native plugins; others may be, and are counted";
            tracing::warn!(target: "zerepy_plugins.events", %error, "{message}");
        }
    }

    /// Calls these; a failing one is logged and does not stop the others.
    fn call<'h>(
        &self,
        subscribers: impl Iterator<Item = &'h Subscriber>,
        name: &str,
        event: &Bound<'_, PyAny>,
    ) -> PyResult<Published> {
        let py = event.py();
        let mut pending = Vec::new();
        for subscriber in subscribers {
            let outcome = subscriber.function.bind(py).call1((event,)).and_then(|result| {
                if awaitable::is_awaitable(&result) {
                    pending.push(Backlog::put(subscriber.backlog.bind(py), result, name)?);
                } else {
                    self.counts.handled(false);
                }
                Ok(())
            });
            if let Err(raised) = outcome {
                if !raised.is_instance_of::<PyException>(py) {
                    return Err(raised);
                }
                self.counts.handled(true);
                let module = py.import(intern!(py, "zerepy_plugins._events"))?;
                module.call_method1("log_handler_error", (name, raised.into_value(py)))?;
            }
        }
        Ok(Published::new(pending))
    }
}

/// Has native handlers called soon; an event need not have more than a name.
fn queue(
    matches: Matches<Handler>,
    name: String,
    event: &Bound<'_, PyAny>,
) -> PyResult<Result<()>> {
    let py = event.py();
    let source = event.getattr_opt(intern!(py, "source"))?;
    let source = source.map_or_else(String::new, |source| source.to_string());
    let data = event.getattr_opt(intern!(py, "data"))?.unwrap_or_else(|| py.None().into_bound(py));
    let data = walk::copied(&data, Form::DEFAULT, "event.data", ErrorKind::Execution);
    Ok(data.and_then(|data| {
        background::submit(move || {
            NativeSubscriber::deliver(natives(&matches), &name, &source, &data);
        })
    }))
}

fn natives(matches: &Matches<Handler>) -> impl Iterator<Item = &NativeSubscriber> {
    matches.iter().filter_map(|(_, handler)| match handler {
        Handler::Native(subscriber) => Some(&**subscriber),
        Handler::Python(_) => None,
    })
}

/// Where a host's own events go.
pub(crate) struct Sink(pub(crate) Arc<Handlers>);

impl EventSink for Sink {
    fn listening(&self) -> bool {
        self.0.subscriptions.any()
    }

    fn publish(&self, event: &Event) {
        self.0.counts.published();
        if self.0.subscriptions.matching(&event.name).is_empty() {
            return;
        }
        Python::attach(|py| {
            let delivered =
                records::event(py, event).and_then(|object| self.0.deliver(&event.name, &object));
            if let Err(raised) = delivered {
                raised.write_unraisable(py, None); // the host's own step goes on
            }
        });
    }
}

/// What ``publish`` returns: awaiting it waits for the ``async`` handlers.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct Published {
    pending: Vec<Py<PyAny>>,
}

impl Published {
    pub(super) const fn new(pending: Vec<Py<PyAny>>) -> Self {
        Self { pending }
    }
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
