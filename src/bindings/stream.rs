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
use crate::call::{Conclusion, limited};
use crate::coroutine::{HostedCall, Request};
use crate::errors::{self, OrRaise};
use crate::limited::Limited;
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
    pace: Pace,
}

/// How long each item may take.
#[derive(Default)]
struct Pace {
    /// The wait for the next item: the first one includes that the action begins.
    next: Option<Limited>,
    /// Where a Python plugin's items are made under a limit: each in a task of its own.
    context: Option<Py<PyAny>>,
}

impl Pace {
    fn of(py: Python<'_>, first: Option<Limited>) -> PyResult<Self> {
        let copied = |_: &Limited| -> PyResult<_> {
            let contexts = py.import(intern!(py, "contextvars"))?;
            contexts.call_method0(intern!(py, "copy_context")).map(Bound::unbind)
        };
        let context = first.as_ref().map(copied).transpose()?;
        Ok(Self { next: first, context })
    }

    /// What the next wait is limited by.
    fn advance(&mut self) -> Option<Limited> {
        let after = self.next.as_ref()?.again();
        self.next.replace(after)
    }
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
    pub(crate) fn of(py: Python<'_>, items: Items, first: Option<Limited>) -> PyResult<Self> {
        let open = Open { items, call: None, pace: Pace::of(py, first)? };
        Ok(Self { state: Mutex::new(State::Idle(open)) })
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
        return Ok(Open { items, call: None, pace: Pace::default() });
    }
    let params = params.map(|params| params.into_bound(py));
    match request {
        Request::Direct { handle, action } => {
            let stream = handle.open(py, &action, params.as_ref()).or_raise(py)?;
            Ok(Open { items: Items::Native(stream), call: None, pace: Pace::default() })
        }
        Request::Hosted { host, verb, plugin, action, timeout: own, .. } => {
            let call = exit::check(py).and_then(|()| host.admit(&plugin, action)).or_raise(py)?;
            let named = Named::new(&plugin, call.action());
            let (instance, params) = (call.instance(), params.as_ref());
            let mut first = limited(&call, own);
            let items = if around::is_wanted(&host, instance) {
                around::Kept::new(&host, instance, verb, &named, first.take())
                    .into_items(py, params)
                    .map(|items| Items::Python(items.unbind()))
                    .map_err(|raised| named.failure(py, raised))
            } else {
                instance.target().open(py, verb, &named, params, first.as_ref())
            };
            match items {
                Ok(items) => Ok(Open { items, call: Some(call), pace: Pace::of(py, first)? }),
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

/// The async generator of a Python plugin's items; one with a limit also checks the parameters.
pub(crate) fn of_python(
    py: Python<'_>,
    (validate, method): (Option<&Py<PyAny>>, &Py<PyAny>),
    verb: Verb,
    call: &Named<'_>,
    params: &Bound<'_, PyAny>,
    limited: Option<&Limited>,
) -> Result<Py<PyAny>> {
    let module = py.import(intern!(py, "zerepy_plugins._streams"));
    let limited = limited.cloned();
    let items = module.and_then(|module| {
        let items_of = module.getattr(intern!(py, "items_of"))?;
        let nothing = errors::to_python(py, &yields_nothing(verb, call)).into_value(py);
        match verb {
            Verb::Perform => {
                items_of.call1((nothing, limited, None::<()>, method, call.action, params))
            }
            Verb::Execute => items_of.call1((nothing, limited, validate, method, params)),
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
