//! The coroutines of one subscriber that wait for their turn on its event loop.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use zerepy_core::EventCounts;

/// What waits for a subscriber's event loop: bounded, the oldest is dropped.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct Backlog {
    queue: zerepy_core::Backlog<Item>,
    counts: Arc<EventCounts>,
    pattern: String,
    home: Mutex<Option<Py<PyAny>>>, // the loop; none: the background one
    latest: Mutex<Option<Py<PyAny>>>,
    warned: AtomicBool,
}

/// A handler's coroutine, and who waits for its end.
struct Item {
    awaitable: Py<PyAny>,
    event: String,
    done: Py<PyAny>,
}

impl Backlog {
    pub(crate) fn new(
        max: NonZeroUsize,
        counts: Arc<EventCounts>,
        pattern: String,
        home: Option<Py<PyAny>>,
    ) -> Self {
        Self {
            queue: zerepy_core::Backlog::new(max),
            counts,
            pattern,
            home: Mutex::new(home),
            latest: Mutex::default(),
            warned: AtomicBool::new(false),
        }
    }

    /// Puts a coroutine in, sees to it that it will be run, and returns a future of its end.
    pub(crate) fn put(
        slf: &Bound<'_, Self>,
        awaitable: Bound<'_, PyAny>,
        event: &str,
    ) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let module = py.import(intern!(py, "zerepy_plugins._events"))?;
        let done = module.call_method0(intern!(py, "new_future"))?.unbind();
        let home = this.living_home(py)?;
        let (awaitable, event) = (awaitable.unbind(), event.to_owned());
        let pushed = this.queue.push(Item { awaitable, event, done: done.clone_ref(py) });
        *this.latest.lock() = Some(done.clone_ref(py));
        if let Some(item) = pushed.dropped {
            this.drop_items(py, vec![item])?;
            if !this.warned.swap(true, Ordering::Relaxed) {
                module.call_method1("warn_of_drops", (&this.pattern, this.queue.max()))?;
            }
        }
        if pushed.needs_worker {
            module.call_method1(intern!(py, "start_worker"), (slf, home))?;
        }
        Ok(done)
    }

    /// A future of the end of what was put in last, if anything was.
    pub(crate) fn latest(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.latest.lock().as_ref().map(|latest| latest.clone_ref(py))
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The subscriber's loop; one that was closed is given up for the background loop.
    fn living_home(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let home = self.home.lock().as_ref().map(|home| home.clone_ref(py));
        let Some(home) = home else { return Ok(None) };
        if !home.call_method0(py, intern!(py, "is_closed"))?.is_truthy(py)? {
            return Ok(Some(home));
        }
        let gone = self.home.lock().take();
        drop(gone);
        self.queue.lose_worker();
        Ok(None)
    }

    fn drop_items(&self, py: Python<'_>, items: Vec<Item>) -> PyResult<()> {
        self.counts.dropped(items.len());
        let module = py.import(intern!(py, "zerepy_plugins._events"))?;
        items.into_iter().try_for_each(|item| {
            module
                .call_method1(intern!(py, "drop"), (item.awaitable, item.done))
                .map(std::mem::drop)
        })
    }
}

#[pymethods]
impl Backlog {
    /// Take out the next: coroutine, event name, future; ``None`` ends the worker.
    fn pop(&self) -> Option<(Py<PyAny>, String, Py<PyAny>)> {
        self.queue.pop().map(|item| (item.awaitable, item.event, item.done))
    }

    /// Count one that has run.
    fn count(&self, failed: bool) {
        self.counts.handled(failed);
    }

    /// Drop all that waits: the worker was cancelled, or its loop is closed.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        self.drop_items(py, self.queue.abandon())
    }
}
