//! Async actions: each has exactly one outcome. It is first polled by whoever starts it; if it is
//! not ready then, it goes on as a task of the library's own runtime.

use std::ptr;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::AbortHandle;
use zerepy_plugin_abi::{
    ActionIndex, FfiCompletion, FfiError, FfiTape, Instance, Status, Task, status,
};

use super::Exported;
use super::finisher::Finisher;
use super::instance::{borrow, serve};
use super::running::{Guarded, poll_here, runtime};
use crate::codec::Payload;

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
            let outcome = Arc::clone(plugin).begin(action, borrow(params)?)?;
            let runtime = runtime()?; // before there is a finisher: a failed start has no outcome
            let finisher = Finisher::new(*completion);
            let mut action = Guarded::new(P::DESCRIPTOR.name, outcome, Arc::clone(poisoned));
            let handle = if let Poll::Ready(result) = poll_here(runtime, &mut action) {
                drop(action);
                finisher.finish(result.map(Some));
                ptr::null_mut()
            } else {
                let handle = runtime.spawn(run(action.taken_along(), finisher)).abort_handle();
                Box::into_raw(Box::new(handle)).cast()
            };
            task.write(handle);
            Ok(status::OK)
        })
    }
}

pub(super) unsafe extern "C" fn cancel(task: Task) {
    // SAFETY: the host passes what `start` made, and has not given it back.
    if let Some(task) = unsafe { task.cast::<AbortHandle>().as_ref() } {
        task.abort();
    }
}

pub(super) unsafe extern "C" fn release(task: Task) {
    if !task.is_null() {
        // SAFETY: the host gives back, once, what `start` made.
        drop(unsafe { Box::from_raw(task.cast::<AbortHandle>()) });
    }
}

/// Drives an action to its end. Dropped before that, it is reported as cancelled once the action
/// itself is gone.
///
/// In all cases the action is dropped before the finisher: its parameter stands first, its local last.
async fn run(action: Guarded<Payload>, finisher: Finisher) {
    let finisher = finisher;
    let mut action = action;
    let result = (&mut action).await;
    drop(action);
    finisher.finish(result.map(Some));
}
