//! Async actions: each is a task of the library's own runtime, and has exactly one outcome.

use std::sync::Arc;

use tokio::task::AbortHandle;
use zerepy_plugin_abi::{
    ActionIndex, FfiCompletion, FfiError, FfiTape, Instance, Status, Task, status,
};

use super::Exported;
use super::finisher::Finisher;
use super::instance::{borrow, serve};
use super::running::{Guarded, runtime};
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
            let action = Guarded::new(P::DESCRIPTOR.name, outcome, Arc::clone(poisoned));
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
async fn run(action: Guarded<Payload>, finisher: Finisher) {
    let finisher = finisher;
    let mut action = action;
    let result = (&mut action).await;
    drop(action);
    finisher.finish(result.map(Some));
}
