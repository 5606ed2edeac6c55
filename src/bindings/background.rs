//! One thread of the host's own, for what must not run where it arises: events of native plugins,
//! and log records that no operation hands over. It starts with the first of them.
//!
//! It enters Python only through [`attached`], so that it is outside once the interpreter ends.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;
use zerepy_core::{Error, ErrorKind, Result};

use crate::{exit, logging};

/// How many jobs wait at most; beyond it they are refused.
const MAX_QUEUED: usize = 10_000;
/// How long log records wait for an operation to hand them over.
const FLUSH_AFTER: Duration = Duration::from_millis(200);

type Job = Box<dyn FnOnce() + Send>;

/// The thread and its work. A child process has one of its own: this one's locks may be held for
/// ever there.
struct Background {
    process: u32,
    queue: Mutex<Queue>,
    bell: Condvar,
    python: Mutex<()>, // held while the thread is in Python
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    flush_at: Option<Instant>,
}

static CURRENT: Mutex<Option<Arc<Background>>> = Mutex::new(None);
static CLOSED: AtomicBool = AtomicBool::new(false);

fn background() -> Result<Arc<Background>> {
    let process = std::process::id();
    let mut current = CURRENT.lock();
    if let Some(background) = current.as_ref().filter(|it| it.process == process) {
        return Ok(Arc::clone(background));
    }
    let (queue, bell, python) = (Mutex::default(), Condvar::new(), Mutex::new(()));
    let background = Arc::new(Background { process, queue, bell, python });
    let worker = Arc::clone(&background);
    thread::Builder::new()
        .name("zerepy-background".to_owned())
        .spawn(move || worker.run())
        .map_err(|error| {
            Error::new(ErrorKind::Execution, format!("no thread for the host: {error}"))
        })?;
    *current = Some(Arc::clone(&background));
    Ok(background)
}

/// Has `job` run soon, after those that were submitted before.
pub(crate) fn submit(job: impl FnOnce() + Send + 'static) -> Result<()> {
    if CLOSED.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::State, "the interpreter is ending"));
    }
    let background = background()?;
    let mut queue = background.queue.lock();
    if queue.jobs.len() >= MAX_QUEUED {
        let message = format!("{MAX_QUEUED} events are waiting to be delivered already");
        return Err(Error::new(ErrorKind::NotReady, message).with_retry_after(1.0));
    }
    queue.jobs.push_back(Box::new(job));
    drop(queue);
    background.bell.notify_one();
    Ok(())
}

/// Has log records handed over soon, if no operation does so before.
pub(crate) fn flush_soon() {
    if CLOSED.load(Ordering::Relaxed) || !exit::is_registered() {
        return; // whoever imported the package hands them over, or nobody does
    }
    if let Ok(background) = background() {
        background.queue.lock().flush_at.get_or_insert_with(|| Instant::now() + FLUSH_AFTER);
        background.bell.notify_one();
    }
}

/// Runs `body` in Python on the background thread, unless the interpreter is ending.
pub(crate) fn attached(body: impl FnOnce(Python<'_>)) {
    let Ok(background) = background() else { return };
    let _inside = background.python.lock();
    if !CLOSED.load(Ordering::SeqCst) && exit::is_registered() {
        let _ = Python::try_attach(body);
    }
}

/// Lets the thread enter Python no more, and waits until it is outside, if that is soon. The
/// interpreter must not be held.
pub(crate) fn close(deadline: Instant) {
    CLOSED.store(true, Ordering::SeqCst);
    let current = CURRENT.lock().clone();
    if let Some(background) = current.filter(|it| it.process == std::process::id()) {
        drop(background.python.try_lock_until(deadline));
    }
}

impl Background {
    fn run(&self) {
        loop {
            match self.next() {
                Some(job) => {
                    let _ = catch_unwind(AssertUnwindSafe(job)); // the panic was shown already
                }
                None => attached(logging::flush),
            }
        }
    }

    /// Waits for a job, or for the time to hand log records over.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            match queue.flush_at {
                Some(at) if at <= Instant::now() => {
                    queue.flush_at = None;
                    return None;
                }
                Some(at) => drop(self.bell.wait_until(&mut queue, at)),
                None => self.bell.wait(&mut queue),
            }
        }
    }
}
