//! The awaitable of one step of a stream.
//!
//! While it awaits it owns all there is of the call: when the step is given up, so is the call.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::{PyGeneratorExit, PyRuntimeError, PyStopAsyncIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyIterator, PySendResult, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use zerepy_native::ItemDone;

use super::{CallStream, Items, Kind, Open, State};
use crate::call::Conclusion;
use crate::coroutine::{advance, iterator, outcome, protocol, reused, throw, thrown};
use crate::limited::Limited;
use crate::meeting::{Answer, Asked, ask};
use crate::surroundings::limits;

enum Progress {
    Created,
    /// `inner` is the iterator of what is being awaited.
    Waiting {
        inner: Py<PyIterator>,
        open: Open,
    },
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
    pub(super) fn new(stream: Py<CallStream>, kind: Kind) -> Self {
        Self { stream, kind, progress: Mutex::new(Progress::Created) }
    }

    /// Takes the progress out: nobody else can step meanwhile, and no lock is held while Python runs.
    fn take(&self) -> Progress {
        mem::replace(&mut *self.progress.lock(), Progress::Ended)
    }

    fn step<'py>(
        &self,
        py: Python<'py>,
        resume: impl FnOnce(&Bound<'py, PyIterator>) -> PyResult<PySendResult<'py>>,
    ) -> PyResult<PySendResult<'py>> {
        match self.take() {
            Progress::Created => self.begin(py),
            Progress::Waiting { inner, open } => {
                let step = resume(inner.bind(py));
                self.settle(py, step, inner, open)
            }
            Progress::Ended => Err(reused()),
        }
    }

    fn begin<'py>(&self, py: Python<'py>) -> PyResult<PySendResult<'py>> {
        let Some(mut open) = self.stream.get().take(py, self.kind)? else {
            return self.nothing_left(py);
        };
        let limited = open.pace.advance();
        let awaitable = match (&open.items, self.kind) {
            (Items::Native(stream), Kind::Next) => {
                match ask(py, |answer| stream.next(ending(limited.as_ref(), answer))) {
                    Ok((Asked::Waiting(future), ())) => limit_future(py, limited, future),
                    Ok((Asked::There(item), ())) => return self.conclude(py, item, open),
                    Err(raised) => Err(raised),
                }
            }
            (Items::Native(_), Kind::Close) => {
                drop(open);
                self.stream.get().put(State::Ended);
                return self.nothing_left(py);
            }
            (Items::Python(items), kind) => {
                let method = match kind {
                    Kind::Next => intern!(py, "__anext__"),
                    Kind::Close => intern!(py, "aclose"),
                };
                let step = items.bind(py).call_method0(method);
                step.and_then(|step| limit_task(py, limited, step, open.pace.context.as_ref()))
            }
        };
        match awaitable.and_then(|awaitable| iterator(&awaitable)) {
            Ok(inner) => {
                let step = advance(&inner);
                self.settle(py, step, inner.unbind(), open)
            }
            Err(raised) => self.conclude(py, Err(raised), open),
        }
    }

    /// Suspends again on a yielded value, concludes on anything else.
    fn settle<'py>(
        &self,
        py: Python<'py>,
        step: PyResult<PySendResult<'py>>,
        inner: Py<PyIterator>,
        open: Open,
    ) -> PyResult<PySendResult<'py>> {
        let item = match step {
            Ok(PySendResult::Next(yielded)) => {
                *self.progress.lock() = Progress::Waiting { inner, open };
                return Ok(PySendResult::Next(yielded));
            }
            Ok(PySendResult::Return(item)) => Ok(Some(item)),
            Err(raised) if raised.is_instance_of::<PyStopAsyncIteration>(py) => Ok(None),
            Err(raised) => Err(raised),
        };
        self.conclude(py, item, open)
    }

    /// An item, the end or an error: the call goes on or is accounted for.
    fn conclude<'py>(
        &self,
        py: Python<'py>,
        item: PyResult<Option<Bound<'py, PyAny>>>,
        mut open: Open,
    ) -> PyResult<PySendResult<'py>> {
        let stream = self.stream.get();
        if let (Ok(Some(item)), Kind::Next) = (&item, self.kind) {
            stream.put(State::Idle(open));
            return Ok(PySendResult::Return(item.clone()));
        }
        stream.put(State::Ended);
        let call = open.call.take();
        drop(open); // the plugin's side ends before the call does
        match (item, call) {
            (Ok(Some(_)), _) => self.nothing_left(py), // closed early: the call is abandoned
            (Ok(None), call) => {
                if let Some(call) = call {
                    call.conclude_ok();
                }
                self.nothing_left(py)
            }
            (Err(raised), Some(call)) => Err(call.conclude_raised(py, raised)),
            (Err(raised), None) => Err(raised),
        }
    }

    /// Ends what is being awaited, and the call with it. Not with `close`, which leaves an async
    /// generator of Python 3.11 running for ever.
    fn give_up(&self, py: Python<'_>, inner: &Py<PyIterator>, open: Open) -> PyResult<()> {
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
    fn nothing_left<'py>(&self, py: Python<'py>) -> PyResult<PySendResult<'py>> {
        match self.kind {
            Kind::Next => Err(PyStopAsyncIteration::new_err(())),
            Kind::Close => Ok(PySendResult::Return(py.None().into_bound(py))),
        }
    }
}

impl Drop for StreamStep {
    fn drop(&mut self) {
        let Progress::Waiting { inner, open } = self.take() else { return };
        if let Items::Native(_) = open.items {
            drop(open); // which ends it; `inner` may be half collected
            return self.stream.get().put(State::Ended);
        }
        let _ = Python::try_attach(|py| {
            if let Err(raised) = self.give_up(py, &inner, open) {
                raised.write_unraisable(py, None);
            }
        });
    }
}

/// Tells that an item with a limit has come, before it is delivered.
fn ending(limited: Option<&Limited>, answer: Answer) -> ItemDone {
    let attempt = limited.map(|limited| Arc::clone(limited.attempt()));
    Box::new(move |item| {
        if let Some(attempt) = attempt {
            attempt.end();
        }
        answer.give(item);
    })
}

/// Waits for a library's item as long as the limit says; then the stream is closed.
fn limit_future<'py>(
    py: Python<'py>,
    limited: Option<Limited>,
    future: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(limited) = limited else { return Ok(future) };
    let closed = PyCFunction::new_closure(py, None, None, |_, _| true)?;
    limits(py)?.call_method1(intern!(py, "limit_future"), (limited, future, closed))
}

/// Awaits a step of a Python plugin's items as long as the limit says.
fn limit_task<'py>(
    py: Python<'py>,
    limited: Option<Limited>,
    step: Bound<'py, PyAny>,
    context: Option<&Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(limited) = limited else { return Ok(step) };
    limits(py)?.call_method1(intern!(py, "limit_task"), (limited, step, context))
}

protocol!(StreamStep);

#[pymethods]
impl StreamStep {
    #[pyo3(signature = (*arguments))]
    fn throw<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.take() {
            Progress::Waiting { inner, open } => {
                let step = throw(inner.bind(py), arguments);
                self.settle(py, step, inner, open).and_then(outcome)
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

    /// What is awaited refers to the task that awaits it. Not shown of a Python plugin's generator,
    /// which has to be ended when this is dropped: the collector may have cleared parts of it.
    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.stream)?;
        match self.progress.try_lock().as_deref() {
            Some(Progress::Waiting { inner, open: Open { items: Items::Native(_), .. } }) => {
                visit.call(inner)
            }
            _ => Ok(()),
        }
    }
}
