//! The way of results from worker threads to an event loop.
//!
//! A worker never touches Python: it would crash the process if it did so while the interpreter
//! ends. It puts its result into the loop's mailbox and rings; the loop takes all results that are
//! there at once.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::HashMap;
use parking_lot::Mutex;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};
use zerepy_core::Result;
use zerepy_native::ResultTape;

use crate::{errors, logging, walk};

/// What comes to a loop: a result or an item, the end of a stream, or an error.
pub(crate) type Delivery = Result<Option<ResultTape>>;

/// The results for one event loop, from worker threads that never touch Python.
#[pyclass(frozen, module = "zerepy_plugins._native", weakref)]
pub(crate) struct Mailbox {
    slot: Arc<Slot>,
    bell: UnixStream,
    waiting: Mutex<HashMap<u64, Py<PyAny>>>, // futures by the number of their work
    next: AtomicU64,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// The loop that a thread ran last, and its mailbox. Neither is kept alive.
struct Last {
    running: Py<PyWeakrefReference>,
    mailbox: Py<PyWeakrefReference>,
}

impl Last {
    fn new(running: &Bound<'_, PyAny>, mailbox: &Bound<'_, Mailbox>) -> PyResult<Self> {
        Ok(Self {
            running: PyWeakrefReference::new(running)?.unbind(),
            mailbox: PyWeakrefReference::new(mailbox)?.unbind(),
        })
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self { running: self.running.clone_ref(py), mailbox: self.mailbox.clone_ref(py) }
    }

    fn mailbox_of<'py>(&self, running: &Bound<'py, PyAny>) -> Option<Bound<'py, Mailbox>> {
        let py = running.py();
        let same = self.running.bind(py).upgrade()?.is(running);
        same.then(|| self.mailbox.bind(py).upgrade())??.cast_into().ok()
    }
}

/// The part that workers hold; it outlives the mailbox if its loop is closed before they end.
struct Slot {
    results: Mutex<Vec<(u64, Delivery)>>,
    bell: UnixStream,
}

/// Where one result goes.
pub(crate) struct Address {
    slot: Arc<Slot>,
    number: u64,
}

impl Address {
    /// Delivers it, on whatever thread.
    pub(crate) fn deliver(self, result: Delivery) {
        self.slot.put(self.number, result);
    }
}

impl Slot {
    fn put(&self, number: u64, result: Delivery) {
        let mut results = self.results.lock();
        results.push((number, result));
        if results.len() == 1 {
            let _ = (&self.bell).write(&[1]); // rung once a batch; a closed loop hears nothing
        }
    }
}

impl Mailbox {
    /// A future of the running loop, and where its result is sent to.
    pub(crate) fn receive(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, Address)> {
        static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let running = RUNNING.import(py, "asyncio", "get_running_loop")?.call0()?;
        let future = running.call_method0(intern!(py, "create_future"))?;
        let mailbox = Self::of(&running)?;
        let mailbox = mailbox.get();
        let number = mailbox.next.fetch_add(1, Ordering::Relaxed);
        mailbox.waiting.lock().insert(number, future.clone().unbind());
        Ok((future, Address { slot: Arc::clone(&mailbox.slot), number }))
    }

    /// A loop's mailbox.
    fn of<'py>(running: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = running.py();
        let last = LAST.with_borrow(|last| last.as_ref().map(|last| last.clone_ref(py)));
        if let Some(mailbox) = last.and_then(|last| last.mailbox_of(running)) {
            return Ok(mailbox);
        }
        let module = py.import(intern!(py, "zerepy_plugins._loop"))?;
        let mailbox = module.call_method1(intern!(py, "mailbox"), (running,))?.cast_into()?;
        let last = LAST.replace(Some(Last::new(running, &mailbox)?));
        drop(last); // not while it is borrowed
        Ok(mailbox)
    }

    /// Hands one result to whoever awaits it; if that is nobody any more, it is dropped.
    fn deliver(&self, py: Python<'_>, number: u64, result: Delivery) -> PyResult<()> {
        let Some(future) = self.waiting.lock().remove(&number) else { return Ok(()) };
        let future = future.bind(py);
        if future.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(()); // cancelled
        }
        let result = match result {
            Ok(Some(result)) => {
                walk::read(py, &result).map_err(|error| errors::to_python(py, &error))
            }
            Ok(None) => Err(PyStopAsyncIteration::new_err(())),
            Err(error) => Err(errors::to_python(py, &error)),
        };
        match result {
            Ok(value) => future.call_method1(intern!(py, "set_result"), (value,)),
            Err(raised) => {
                let raised = raised.into_value(py);
                future.call_method1(intern!(py, "set_exception"), (raised,))?;
                // Counts as seen: if the call was given up, nobody is to be told.
                future.call_method0(intern!(py, "exception"))
            }
        }
        .map(drop)
    }
}

#[pymethods]
impl Mailbox {
    #[new]
    fn new() -> PyResult<Self> {
        let (bell, ring) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ring.set_nonblocking(true)?;
        let slot = Arc::new(Slot { results: Mutex::default(), bell: ring });
        Ok(Self { slot, bell, waiting: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// Return the file descriptor that the loop listens to.
    fn fileno(&self) -> i32 {
        self.bell.as_raw_fd()
    }

    /// Hand over all results that have come in.
    fn deliver_all(&self, py: Python<'_>) -> PyResult<()> {
        let _ = (&self.bell).read(&mut [0; 64]);
        let results = std::mem::take(&mut *self.slot.results.lock());
        logging::flush(py);
        results.into_iter().try_for_each(|(number, result)| self.deliver(py, number, result))
    }

    /// The futures refer to their loop, and that to whoever it calls when results come.
    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        let waiting = self.waiting.try_lock();
        waiting.iter().flat_map(|waiting| waiting.values()).try_for_each(|it| visit.call(it))
    }
}
