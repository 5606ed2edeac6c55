//! Calls that yield items: an async iterator, and the awaitable of each of its steps.
//!
//! The call begins with the first item and is accounted for until it ends, is closed or dropped.
//! While an item is awaited its step owns all there is: when the step is given up, so is the call.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::{
    PyGeneratorExit, PyRuntimeError, PyStopAsyncIteration, PyStopIteration,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_native::Stream;

use crate::call::Conclusion;
use crate::coroutine::{HostedCall, Request, next, returned, reused, thrown};
use crate::errors::{self, OrRaise};
use crate::mailbox::{Delivery, Mailbox};
use crate::target::{Named, Verb};
use crate::{exit, logging, walk};

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
    Created { request: Request, params: Option<Py<PyAny>> },
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
    let params = params.map(|params| params.into_bound(py));
    match request {
        Request::Direct { handle, action } => {
            let stream = handle.open(py, &action, params.as_ref()).or_raise(py)?;
            Ok(Open { items: Items::Native(stream), call: None })
        }
        Request::Hosted { host, verb, plugin, action } => {
            let call = exit::check(py).and_then(|()| host.admit(&plugin, action)).or_raise(py)?;
            let named = Named { plugin: &plugin, action: call.action() };
            match call.instance().target().open(py, verb, &named, params.as_ref()) {
                Ok(items) => Ok(Open { items, call: Some(call) }),
                Err(error) => Err(call.conclude_err(py, error)),
            }
        }
    }
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
}

#[derive(Clone, Copy)]
enum Kind {
    Next,
    Close,
}

enum Progress {
    Created,
    /// `inner` is the iterator of what is being awaited.
    Waiting { inner: Py<PyAny>, open: Open },
    Ended,
}

/// One step of a stream: a coroutine that awaits an item, or the end.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct StreamStep {
    stream: Py<CallStream>,
    kind: Kind,
    progress: Mutex<Progress>,
}

impl StreamStep {
    fn new(stream: Py<CallStream>, kind: Kind) -> Self {
        Self { stream, kind, progress: Mutex::new(Progress::Created) }
    }

    /// Takes the progress out: nobody else can step meanwhile, and no lock is held while Python runs.
    fn take(&self) -> Progress {
        mem::replace(&mut *self.progress.lock(), Progress::Ended)
    }

    fn step<'py>(
        &self,
        py: Python<'py>,
        resume: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.take() {
            Progress::Created => self.begin(py),
            Progress::Waiting { inner, open } => {
                let outcome = resume(inner.bind(py));
                self.settle(py, outcome, inner, open)
            }
            Progress::Ended => Err(reused()),
        }
    }

    fn begin<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Some(open) = self.stream.get().take(py, self.kind)? else {
            return Err(self.nothing_left(py));
        };
        let awaitable = match (&open.items, self.kind) {
            (Items::Native(stream), Kind::Next) => match ask(py, stream) {
                Ok(Asked::Waiting(future)) => Ok(future),
                Ok(Asked::There(item)) => return self.conclude(py, item, open),
                Err(raised) => Err(raised),
            },
            (Items::Native(_), Kind::Close) => {
                drop(open);
                self.stream.get().put(State::Ended);
                return Err(self.nothing_left(py));
            }
            (Items::Python(items), Kind::Next) => items.bind(py).call_method0("__anext__"),
            (Items::Python(items), Kind::Close) => items.bind(py).call_method0("aclose"),
        };
        match awaitable.and_then(|awaitable| awaitable.call_method0(intern!(py, "__await__"))) {
            Ok(inner) => {
                let outcome = next(&inner);
                self.settle(py, outcome, inner.unbind(), open)
            }
            Err(raised) => self.conclude(py, Err(raised), open),
        }
    }

    /// Suspends again on a yielded value, concludes on anything else.
    fn settle<'py>(
        &self,
        py: Python<'py>,
        outcome: PyResult<Bound<'py, PyAny>>,
        inner: Py<PyAny>,
        open: Open,
    ) -> PyResult<Bound<'py, PyAny>> {
        let raised = match outcome {
            Ok(yielded) => {
                *self.progress.lock() = Progress::Waiting { inner, open };
                return Ok(yielded);
            }
            Err(raised) => raised,
        };
        if raised.is_instance_of::<PyStopIteration>(py) {
            let value = raised.value(py).getattr(intern!(py, "value"))?;
            return self.conclude(py, Ok(Some(value)), open);
        }
        if raised.is_instance_of::<PyStopAsyncIteration>(py) {
            return self.conclude(py, Ok(None), open);
        }
        self.conclude(py, Err(raised), open)
    }

    /// An item, the end or an error: the call goes on or is accounted for.
    fn conclude<'py>(
        &self,
        py: Python<'py>,
        item: PyResult<Option<Bound<'py, PyAny>>>,
        mut open: Open,
    ) -> PyResult<Bound<'py, PyAny>> {
        let stream = self.stream.get();
        if let (Ok(Some(item)), Kind::Next) = (&item, self.kind) {
            stream.put(State::Idle(open));
            return Err(returned(item.clone()));
        }
        stream.put(State::Ended);
        let call = open.call.take();
        drop(open); // the plugin's side ends before the call does
        match (item, call) {
            (Ok(Some(_)), _) => Err(self.nothing_left(py)), // closed early: the call is abandoned
            (Ok(None), call) => {
                if let Some(call) = call {
                    call.conclude_ok();
                }
                Err(self.nothing_left(py))
            }
            (Err(raised), Some(call)) => Err(call.conclude_raised(py, raised)),
            (Err(raised), None) => Err(raised),
        }
    }

    /// Ends what is being awaited, and the call with it. Not with `close`, which leaves an async
    /// generator of Python 3.11 running for ever.
    fn give_up(&self, py: Python<'_>, inner: &Py<PyAny>, open: Open) -> PyResult<()> {
        let exit = py.get_type::<PyGeneratorExit>();
        let outcome = inner.call_method1(py, intern!(py, "throw"), (exit,));
        drop(open);
        self.stream.get().put(State::Ended);
        match outcome {
            Ok(_) => Err(PyRuntimeError::new_err("the stream ignored GeneratorExit")),
            Err(raised) if raised.is_instance_of::<PyGeneratorExit>(py) => Ok(()),
            Err(raised) if raised.is_instance_of::<PyStopAsyncIteration>(py) => Ok(()),
            Err(raised) => Err(raised),
        }
    }

    /// What a step comes to when there are no more items.
    fn nothing_left(&self, py: Python<'_>) -> PyErr {
        match self.kind {
            Kind::Next => PyStopAsyncIteration::new_err(()),
            Kind::Close => returned(py.None().into_bound(py)),
        }
    }
}

impl Drop for StreamStep {
    fn drop(&mut self) {
        let Progress::Waiting { inner, open } = self.take() else { return };
        let _ = Python::try_attach(|py| {
            if let Err(raised) = self.give_up(py, &inner, open) {
                raised.write_unraisable(py, None);
            }
        });
    }
}

#[pymethods]
impl StreamStep {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py, next)
    }

    fn send<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if value.is_none() {
            return self.step(py, next);
        }
        self.step(py, |inner| inner.call_method1(intern!(py, "send"), (value,)))
    }

    #[pyo3(signature = (*arguments))]
    fn throw<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.take() {
            Progress::Waiting { inner, open } => {
                let outcome = inner.bind(py).call_method1(intern!(py, "throw"), arguments);
                self.settle(py, outcome, inner, open)
            }
            Progress::Created => Err(thrown(arguments)),
            Progress::Ended => Err(reused()),
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.take() {
            Progress::Waiting { inner, open } => self.give_up(py, &inner, open),
            Progress::Created | Progress::Ended => Ok(()),
        }
    }
}

/// What comes of asking for an item.
enum Asked<'py> {
    There(PyResult<Option<Bound<'py, PyAny>>>),
    Waiting(Bound<'py, PyAny>),
}

/// Between a library's thread and the asker: whoever comes second finds what the first one left.
enum Meeting {
    Nobody,
    Item(Delivery),
    Asker(Box<dyn FnOnce(Delivery) + Send>),
}

/// Asks for an item. One that is there already never goes through the event loop.
fn ask<'py>(py: Python<'py>, stream: &Stream) -> PyResult<Asked<'py>> {
    let meeting = Arc::new(Mutex::new(Meeting::Nobody));
    let library = Arc::clone(&meeting);
    let done = Box::new(move |item| {
        let mut meeting = library.lock();
        match mem::replace(&mut *meeting, Meeting::Nobody) {
            Meeting::Asker(deliver) => {
                drop(meeting);
                deliver(item);
            }
            Meeting::Nobody | Meeting::Item(_) => *meeting = Meeting::Item(item),
        }
    });
    stream.next(done).or_raise(py)?;
    let early = mem::replace(&mut *meeting.lock(), Meeting::Nobody);
    if let Meeting::Item(item) = early {
        logging::flush(py);
        let item = item.and_then(|item| item.map(|item| walk::read(py, item.view())).transpose());
        return Ok(Asked::There(item.or_raise(py)));
    }
    let (future, deliver) = Mailbox::receive(py)?;
    let mut meeting = meeting.lock();
    match mem::replace(&mut *meeting, Meeting::Nobody) {
        Meeting::Item(item) => {
            drop(meeting);
            deliver(item); // it came meanwhile
        }
        Meeting::Nobody | Meeting::Asker(_) => *meeting = Meeting::Asker(Box::new(deliver)),
    }
    Ok(Asked::Waiting(future))
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
