//! Async actions: each is a task of the library's own runtime, and has exactly one outcome.

use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;
use zerepy_plugin_abi::{
    ActionIndex, FfiCompletion, FfiError, FfiTape, Instance, Status, Task, code, status,
};

use super::error::report;
use super::guard::guard;
use super::instance::serve;
use super::{Exported, Outcome};
use crate::codec::{Payload, Tape};
use crate::{Error, Result};

/// Enough for work that awaits; what computes for long belongs into a blocking action.
const WORKERS: usize = 2;

/// The library's runtime, made at the first async call: a host's runtime cannot be shared, for
/// tokio's context belongs to the copy of tokio that is linked in here.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<(u32, std::io::Result<Runtime>)> = OnceLock::new();
    let (home, made) = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(WORKERS).thread_name("zerepy-plugin").enable_all();
        (std::process::id(), builder.build())
    });
    if *home != std::process::id() {
        let why = "its worker threads are in the process that this one was forked from";
        return Err(Error::with_code(code::STATE, why).with_hint(
            "Make the first async call after the fork, or start processes with \"spawn\"",
        ));
    }
    made.as_ref().map_err(|error| Error::new(format!("its runtime cannot be started: {error}")))
}

pub(super) unsafe extern "C" fn start<P: Exported>(
    instance: Instance,
    action: ActionIndex,
    params: *const FfiTape,
    completion: *const FfiCompletion,
    task: *mut Task,
    error: *mut FfiError,
) -> Status {
    // SAFETY: the host passes what the ABI says, and lends the tape for the time of this call.
    unsafe {
        serve::<P>(instance, error, |plugin, poisoned| {
            let params = Tape::from_ffi(params).map_err(super::wrong_params)?;
            let outcome = Arc::clone(plugin).begin(action, params)?;
            let runtime = runtime()?; // before there is a finisher: a failed start has no outcome
            let finisher = Finisher(Some(Completion(*completion)));
            let plugin = P::DESCRIPTOR.name;
            let action = Action { plugin, outcome: Some(outcome), poisoned: Arc::clone(poisoned) };
            let handle = runtime.spawn(run(action, finisher)).abort_handle();
            task.write(Box::into_raw(Box::new(handle)).cast());
            Ok(status::OK)
        })
    }
}

pub(super) unsafe extern "C" fn cancel(task: Task) {
    // SAFETY: the host passes what `start` made, and has not given it back.
    unsafe { (*task.cast::<AbortHandle>()).abort() };
}

pub(super) unsafe extern "C" fn release(task: Task) {
    // SAFETY: the host gives back, once, what `start` made.
    drop(unsafe { Box::from_raw(task.cast::<AbortHandle>()) });
}

/// Drives an action to its end. Dropped before that, it is reported as cancelled once the action
/// itself is gone.
///
/// In all cases the action is dropped before the finisher: its parameter stands first, its local last.
async fn run(action: Action, finisher: Finisher) {
    let finisher = finisher;
    let mut action = action;
    let result = (&mut action).await;
    drop(action);
    finisher.finish(result);
}

/// An action under way. All that is the author's runs guarded, the dropping included.
struct Action {
    plugin: &'static str,
    outcome: Option<Outcome>, // there until it is dropped
    poisoned: Arc<AtomicBool>,
}

impl Action {
    fn guarded<T>(&mut self, body: impl FnOnce(&mut Option<Outcome>) -> T) -> Result<T> {
        let result = guard(self.plugin, || Ok(body(&mut self.outcome)));
        if result.is_err() {
            self.poisoned.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Future for Action {
    type Output = Result<Payload>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let poll = self.guarded(|outcome| match outcome {
            Some(outcome) => outcome.as_mut().poll(context),
            None => Poll::Pending,
        });
        poll.unwrap_or_else(|panic| Poll::Ready(Err(panic)))
    }
}

impl Drop for Action {
    fn drop(&mut self) {
        // A panic has been noted, and there is nobody to tell.
        let _ = self.guarded(|outcome| drop(outcome.take()));
    }
}

/// Where the host wants the outcome.
struct Completion(FfiCompletion);

// SAFETY: the host takes an outcome on any thread.
unsafe impl Send for Completion {}

/// Sees to it that there is an outcome, and only one.
struct Finisher(Option<Completion>);

impl Finisher {
    fn finish(mut self, result: Result<Payload>) {
        self.report(result);
    }

    fn report(&mut self, result: Result<Payload>) {
        let Some(Completion(FfiCompletion { context, finish: Some(finish) })) = self.0.take()
        else {
            return;
        };
        match result {
            Ok(payload) => {
                let mut result = payload.into_ffi();
                // SAFETY: this is the only time, and the place lives for the time of the call.
                unsafe { finish(context, &raw mut result, ptr::null_mut()) };
            }
            Err(failure) => {
                let mut error = FfiError::empty();
                // SAFETY: as above.
                unsafe {
                    report(failure, &raw mut error);
                    finish(context, ptr::null_mut(), &raw mut error);
                }
            }
        }
    }
}

impl Drop for Finisher {
    fn drop(&mut self) {
        self.report(Err(Error::new("it was cancelled")));
    }
}
