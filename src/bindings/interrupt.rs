//! Waiting for blocking work so that Ctrl-C still works.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_native::{Caller, ResultTape};

use crate::limited::{Limited, Watch};
use crate::native::Detached;
use crate::{call, errors, logging};

/// How often signals are looked at: Ctrl-C must be seen within 100 ms.
pub(crate) const SIGNAL_POLL: Duration = Duration::from_millis(50);

/// The process in which the pool was first used; its threads exist there only.
static HOME: OnceLock<u32> = OnceLock::new();

/// Whether the pool can be used: not in a process forked off the one that used it first.
pub(crate) fn has_pool() -> bool {
    let process = std::process::id();
    *HOME.get_or_init(|| process) == process
}

/// Runs `work` on a thread of the pool; `done` gets its outcome there.
pub(crate) fn on_pool(
    work: impl FnOnce() -> Result<ResultTape> + Send + 'static,
    done: impl FnOnce(Result<ResultTape>) + Send + 'static,
) -> Result<()> {
    if !has_pool() {
        let message = "the worker threads of blocking calls are in the process that was forked";
        return Err(Error::new(ErrorKind::State, message)
            .with_hint("Call it synchronously, or use the \"spawn\" start method"));
    }
    pyo3_async_runtimes::tokio::get_runtime().spawn_blocking(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        done(result.unwrap_or_else(|_| Err(call::worker_died(&"it panicked"))));
    });
    Ok(())
}

/// Runs `work` with the interpreter released, and waits for it, as long as its limit says.
///
/// On the main thread, where Python handles signals, they are looked at meanwhile. A wait that is
/// interrupted or given up, or that no calling plugin needs any more, cancels an async action, and
/// tells a blocking one, which ends by itself. A blocking one without a limit on another thread, or
/// without a pool, just runs in place.
pub(crate) fn wait(
    py: Python<'_>,
    work: Detached,
    limited: Option<&Limited>,
) -> Result<ResultTape> {
    let on_main_thread = on_main_thread(py);
    let is_blocking = work.is_blocking();
    if is_blocking && !(has_pool() && (on_main_thread || limited.is_some())) {
        return py.detach(|| work.run());
    }
    let (sender, receiver) = sync_channel(1);
    let receiver = Mutex::new(receiver); // `detach` wants it `Sync`; there is no other user
    let mut watch = Watch::new(limited);
    let attempt = limited.map(|limited| Arc::clone(limited.attempt()));
    let caller = work.caller().cloned();
    let _pending = work.start(attempt, move |result| drop(sender.send(result)))?;
    // Another thread must not come back before it has to: the interpreter may have ended by then.
    let longest = if on_main_thread { SIGNAL_POLL } else { Duration::MAX };
    loop {
        let pause = watch.pause(longest);
        match py.detach(|| receive(&receiver.lock(), pause, caller.as_ref())) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Timeout) if caller.as_ref().is_some_and(Caller::is_cancelled) => {
                return Err(unwanted());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(call::worker_died(&"it sent no answer"));
            }
        }
        py.check_signals().map_err(|raised| {
            errors::from_python(py, raised, ErrorKind::Execution, "waiting for the call")
        })?;
        let looked = watch.look(is_blocking);
        logging::flush(py);
        looked?;
    }
}

/// Waits so long, and no longer than anybody waits for `caller`.
fn receive<T>(
    receiver: &Receiver<T>,
    pause: Duration,
    caller: Option<&Caller>,
) -> std::result::Result<T, RecvTimeoutError> {
    let Some(caller) = caller else { return receiver.recv_timeout(pause) };
    let until = Instant::now().checked_add(pause);
    loop {
        let left = until.map_or(pause, |until| until.saturating_duration_since(Instant::now()));
        match receiver.recv_timeout(left.min(SIGNAL_POLL)) {
            Err(RecvTimeoutError::Timeout) if left > SIGNAL_POLL && !caller.is_cancelled() => {}
            answer => return answer,
        }
    }
}

/// The outcome of a call that was given up because whoever made it was.
pub(crate) fn unwanted() -> Error {
    Error::new(ErrorKind::Interrupted, "nobody waits for the call any more")
}

pub(crate) fn on_main_thread(py: Python<'_>) -> bool {
    let same = || -> PyResult<bool> {
        let threading = py.import(intern!(py, "threading"))?;
        let main = threading.call_method0(intern!(py, "main_thread"))?;
        Ok(main.is(&threading.call_method0(intern!(py, "current_thread"))?))
    };
    same().unwrap_or(true)
}
