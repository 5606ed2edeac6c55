//! The end of the interpreter: no new calls, a little time for those that run, then what still runs
//! is stopped.
//!
//! A thread that comes back into Python once it is finalized is ended by Python, and must have no
//! Rust frames above it then: unwinding through them would abort the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use zerepy_core::{Error, ErrorKind, Result};

use crate::environment::hosts;
use crate::{background, interrupt, logging, surroundings};

/// How long the interpreter's end waits for running calls.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// How long it waits for plugins to clean up, all together.
const MAX_STOP: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(1);

static ENDING: AtomicBool = AtomicBool::new(false);
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// Refuses calls once the interpreter is ending. Other threads than the main one, which Python
/// would end at their next step, are stopped here for good: they have nobody to tell.
#[inline]
pub(crate) fn check(py: Python<'_>) -> Result<()> {
    if ENDING.load(Ordering::Relaxed) { refuse(py) } else { Ok(()) }
}

/// Whether the interpreter is ending.
pub(crate) fn is_ending() -> bool {
    ENDING.load(Ordering::Relaxed)
}

/// Whether the end will be noticed: threads of the host's own enter Python only then.
pub(crate) fn is_registered() -> bool {
    REGISTERED.load(Ordering::Relaxed)
}

#[cold]
fn refuse(py: Python<'_>) -> Result<()> {
    if surroundings::is_step(py) {
        return Ok(()); // a plugin cleans up, with the help of those it needs
    }
    if !interrupt::on_main_thread(py) {
        py.detach(|| {
            loop {
                thread::park();
            }
        });
    }
    Err(refusal())
}

/// The error for a call at the end.
#[cold]
pub(crate) fn refusal() -> Error {
    Error::new(ErrorKind::State, "the interpreter is ending: no more calls")
}

/// Has `end` called at the end; registered with the first manager.
pub(crate) fn register(py: Python<'_>) -> PyResult<()> {
    static ONCE: PyOnceLock<()> = PyOnceLock::new();
    ONCE.get_or_try_init(py, || {
        let end = wrap_pyfunction!(end, py)?;
        py.import("atexit")?.call_method1("register", (end,)).map(drop)
    })?;
    REGISTERED.store(true, Ordering::Relaxed);
    Ok(())
}

#[pyfunction]
fn end(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    let deadline = Instant::now() + MAX_WAIT;
    py.detach(|| {
        while Instant::now() < deadline && hosts().iter().any(|host| host.in_flight() > 0) {
            thread::sleep(POLL);
        }
        let deadline = Instant::now() + MAX_STOP;
        for host in hosts().iter().rev() {
            let left = deadline.saturating_duration_since(Instant::now());
            let _ = host.stop_at_exit(left); // told in the log
        }
        background::close(Instant::now() + MAX_WAIT);
    });
    surroundings::join_threads(py, MAX_WAIT);
    logging::flush(py);
}
