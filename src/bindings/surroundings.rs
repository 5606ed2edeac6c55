//! Python's threads and signals, as the core sees them.

use std::time::Duration;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use zerepy_core::{Done, Error, ErrorKind, Job, Mark, Result, Threads};

use crate::environment::PluginFinder;
use crate::interrupt::{SIGNAL_POLL, on_main_thread};
use crate::{errors, logging};

/// The threads of one manager's operations; its finder stands for the manager.
pub(crate) struct Surroundings(pub(crate) Py<PluginFinder>);

impl Threads for Surroundings {
    fn spawn(&self, name: &'static str, job: Job) -> Result<()> {
        Python::attach(|py| {
            let job = Mutex::new(Some(job));
            let run = move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
                let job = job.lock().take();
                arguments.py().detach(|| job.into_iter().for_each(|job| job()));
            };
            let run = PyCFunction::new_closure(py, None, None, run);
            let spawned = run.and_then(|run| work(py)?.call_method1("spawn", (name, run)));
            spawned.map(drop).map_err(|raised| {
                errors::from_python(py, raised, ErrorKind::Execution, "starting a thread")
            })
        })
    }

    fn stretch(&self) -> Option<Duration> {
        Python::attach(|py| on_main_thread(py).then_some(SIGNAL_POLL))
    }

    fn check(&self) -> Result<()> {
        Python::attach(|py| {
            py.check_signals()
                .map_err(|raised| Error::new(ErrorKind::Interrupted, "waiting").with_source(raised))
        })
    }

    fn enter(&self) -> Mark {
        Python::attach(|py| {
            let token = work(py).and_then(|work| work.call_method1("enter", (&self.0,)));
            Box::new(token.map(|token| Operation(token.unbind())).ok()) as Mark
        })
    }

    fn is_within(&self) -> bool {
        Python::attach(|py| {
            says(py, work(py).and_then(|work| work.call_method1("is_within", (&self.0,))))
        })
    }

    fn flush(&self) {
        Python::attach(logging::flush);
    }
}

/// An operation that this thread is in.
struct Operation(Py<PyAny>);

impl Drop for Operation {
    fn drop(&mut self) {
        Python::attach(|py| {
            if let Err(raised) = work(py).and_then(|it| it.call_method1("leave", (&self.0,))) {
                raised.write_unraisable(py, None);
            }
        });
    }
}

/// Whether this code runs as a step of any manager's operation.
pub(crate) fn is_step(py: Python<'_>) -> bool {
    says(py, work(py).and_then(|work| work.call_method0("is_step")))
}

/// Waits for the threads that were spawned, that long for each.
pub(crate) fn join_threads(py: Python<'_>, limit: Duration) {
    let joined =
        work(py).and_then(|work| work.call_method1("join_spawned", (limit.as_secs_f64(),)));
    if let Err(raised) = joined {
        raised.write_unraisable(py, None);
    }
}

fn says(py: Python<'_>, answer: PyResult<Bound<'_, PyAny>>) -> bool {
    errors::answered(py, answer.and_then(|answer| answer.is_truthy())).unwrap_or(false)
}

/// The module of worker threads.
pub(crate) fn work(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static WORK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let work = WORK.get_or_try_init(py, || py.import("zerepy_plugins._work").map(Into::into))?;
    Ok(work.bind(py))
}

/// The module of waiting with a limit.
pub(crate) fn limits(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LIMIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let limit = LIMIT.get_or_try_init(py, || py.import("zerepy_plugins._limit").map(Into::into))?;
    Ok(limit.bind(py))
}

/// A function that Python calls with result and error of a step, for the core, which gets what `judge`
/// makes of the result; one that it refuses is an error, too.
pub(crate) fn finisher<T: 'static>(
    py: Python<'_>,
    done: Done<T>,
    kind: ErrorKind,
    what: String,
    judge: fn(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<Bound<'_, PyCFunction>> {
    let done = Mutex::new(Some(done));
    let finish =
        move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<()> {
            let error = arguments.get_item(1)?;
            let outcome = if error.is_none() {
                judge(&arguments.get_item(0)?)
            } else {
                Err(PyErr::from_value(error))
            };
            let failed = |raised| errors::from_python(arguments.py(), raised, kind, &what);
            let result = outcome.map_err(failed);
            let done = done.lock().take();
            if let Some(done) = done {
                done(result);
            }
            Ok(())
        };
    PyCFunction::new_closure(py, None, None, finish)
}
