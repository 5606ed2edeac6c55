//! Calls that yield items: an async iterator, whose call begins with the first item and is accounted
//! for until it ends, is closed or dropped.
//!
//! Hooks around it, and opening it again, are async generators in Python, whose items it passes on.

mod step;

use std::mem;

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_native::Stream;

use crate::around;
use crate::call::Conclusion;
use crate::coroutine::{HostedCall, Request};
use crate::errors::{self, OrRaise};
use crate::target::{Named, Verb};

use crate::{exit, repeat};

pub(crate) use step::StreamStep;

/// Where items come from.
pub(crate) enum Items {
    Native(Stream),
    /// An async generator of ours around whatever the plugin returned.
    Python(Py<PyAny>),
}

/// A call that has begun.
struct Open {
    items: Items,
    /// Accounted for when it ends; dropped before that, it counts as abandoned.
    call: Option<HostedCall>,
}

enum State {
    Created {
        request: Request,
        params: Option<Py<PyAny>>,
    },
    Idle(Open),
    /// A step has it.
    Busy,
    Ended,
}

/// The items of a call, as an async iterator; the call begins with the first.
#[pyclass(frozen, module = "zerepy_plugins._native", weakref)]
pub(crate) struct CallStream {
    state: Mutex<State>,
}

impl CallStream {
    pub(crate) fn new(request: Request, params: Option<Py<PyAny>>) -> Self {
        Self { state: Mutex::new(State::Created { request, params }) }
    }

    /// Of items that are accounted for elsewhere.
    pub(crate) fn of(items: Items) -> Self {
        Self { state: Mutex::new(State::Idle(Open { items, call: None })) }
    }

    /// Takes the call for a step, and begins it where `step` needs that; `None` if there is none.
    fn take(&self, py: Python<'_>, step: Kind) -> PyResult<Option<Open>> {
        let state = mem::replace(&mut *self.state.lock(), State::Busy);
        match (state, step) {
            (State::Idle(open), _) => Ok(Some(open)),
            (State::Created { request, params }, Kind::Next) => {
                let opened = open(py, request, params);
                if opened.is_err() {
                    self.put(State::Ended);
                }
                opened.map(Some)
            }
            (State::Created { .. } | State::Ended, _) => {
                self.put(State::Ended);
                Ok(None)
            }
            (State::Busy, _) => Err(errors::to_python(
                py,
                &Error::new(ErrorKind::State, "the item before is still being awaited")
                    .with_hint("Await one item at a time; give each consumer a stream of its own"),
            )),
        }
    }

    fn put(&self, state: State) {
        let before = mem::replace(&mut *self.state.lock(), state);
        drop(before); // not under the lock: it may run Python code
    }
}

fn open(py: Python<'_>, request: Request, params: Option<Py<PyAny>>) -> PyResult<Open> {
    if request.may_repeat() {
        let items = Items::Python(repeat::items(py, request, params)?.unbind());
        return Ok(Open { items, call: None });
    }
    let params = params.map(|params| params.into_bound(py));
    match request {
        Request::Direct { handle, action } => {
            let stream = handle.open(py, &action, params.as_ref()).or_raise(py)?;
            Ok(Open { items: Items::Native(stream), call: None })
        }
        Request::Hosted { host, verb, plugin, action, .. } => {
            let call = exit::check(py).and_then(|()| host.admit(&plugin, action)).or_raise(py)?;
            let named = Named::new(&plugin, call.action());
            let (instance, params) = (call.instance(), params.as_ref());
            let items = if around::is_wanted(&host, instance) {
                around::Kept::new(&host, instance, verb, &named, None)
                    .into_items(py, params)
                    .map(|items| Items::Python(items.unbind()))
                    .map_err(|raised| named.failure(py, raised))
            } else {
                instance.target().open(py, verb, &named, params)
            };
            match items {
                Ok(items) => Ok(Open { items, call: Some(call) }),
                Err(error) => Err(call.conclude_err(py, error)),
            }
        }
    }
}

/// What a step does.
#[derive(Clone, Copy)]
enum Kind {
    Next,
    Close,
}

#[pymethods]
impl CallStream {
    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__(slf: Py<Self>) -> StreamStep {
        StreamStep::new(slf, Kind::Next)
    }

    /// End it early; what still produces items is ended too.
    fn aclose(slf: Py<Self>) -> StreamStep {
        StreamStep::new(slf, Kind::Close)
    }

    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        match self.state.try_lock().as_deref() {
            Some(State::Created { params, .. }) => visit.call(params),
            Some(State::Idle(Open { items: Items::Python(items), .. })) => visit.call(items),
            _ => Ok(()),
        }
    }
}

/// The async generator of a Python plugin's items.
pub(crate) fn of_python(
    py: Python<'_>,
    method: &Py<PyAny>,
    verb: Verb,
    call: &Named<'_>,
    params: &Bound<'_, PyAny>,
) -> Result<Py<PyAny>> {
    let module = py.import(intern!(py, "zerepy_plugins._streams"));
    let items = module.and_then(|module| {
        let items_of = module.getattr(intern!(py, "items_of"))?;
        let nothing = errors::to_python(py, &yields_nothing(verb, call)).into_value(py);
        match verb {
            Verb::Perform => items_of.call1((nothing, method, call.action, params)),
            Verb::Execute => items_of.call1((nothing, method, params)),
        }
    });
    items.map(Bound::unbind).map_err(|raised| call.failure(py, raised))
}

/// The error for a stream that was called like another action.
#[cold]
pub(crate) fn yields_items(verb: Verb, call: &Named<'_>) -> Error {
    let method = match verb {
        Verb::Perform => "perform_action_stream",
        Verb::Execute => "execute_stream",
    };
    Error::new(ErrorKind::State, format!("{call} yields items: it has no single result"))
        .with_plugin(call.plugin)
        .with_hint(format!(
            "Iterate over it: async for item in manager.{method}(…); from synchronous code, in a \
             coroutine that asyncio.run() runs"
        ))
}

/// The error for another action that was asked for items.
#[cold]
pub(crate) fn yields_nothing(verb: Verb, call: &Named<'_>) -> Error {
    let hint = match verb {
        Verb::Perform => "Call it with perform_action() or perform_action_async()",
        Verb::Execute => "Call it with execute() or execute_sync()",
    };
    Error::new(ErrorKind::State, format!("{call} does not yield items"))
        .with_plugin(call.plugin)
        .with_hint(hint)
}
