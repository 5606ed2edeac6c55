//! Async actions: started here, finished by the library on a thread of its own.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use zerepy_core::Result;
use zerepy_plugin_abi::{FfiTape, status};

use crate::completion::{self, Outcome, Stay};
use crate::failure::{PluginError, Step};
use crate::gate::Inside;
use crate::handshake::Tasks;
use crate::instance::Instance;
use crate::services::Frame;
use crate::{CancelFlag, Form, ResultTape, fork};

/// Takes the outcome of an action, on whatever thread the library finishes it; whatever takes one can
/// be passed as it is to what begins an action.
pub type Done = Box<dyn FnOnce(Result<ResultTape>) + Send>;

/// A started action. Dropping it asks the library to end it early, unless it has ended.
#[derive(Debug)]
pub struct Task {
    tasks: Tasks,
    handle: *mut c_void,
    generation: u32,
}

// SAFETY: the ABI allows its functions on any thread.
unsafe impl Send for Task {}
// SAFETY: as above; nothing can be done with a shared one.
unsafe impl Sync for Task {}

impl Drop for Task {
    fn drop(&mut self) {
        if self.generation != fork::generation() {
            return; // it is the parent's; a lock its library held at the fork stays locked here
        }
        // SAFETY: the library made it, and this is the last use of it.
        unsafe {
            (self.tasks.cancel)(self.handle);
            (self.tasks.release)(self.handle);
        }
    }
}

/// A call that was begun and is waited for. Dropping it says that nobody waits any more: the plugin
/// is told, and an async action ends early.
#[derive(Debug)]
pub struct Pending {
    cancel: CancelFlag,
    _task: Option<Task>,
}

impl Pending {
    /// A call with that flag among its options, and its task if it is async.
    #[must_use]
    pub const fn new(cancel: CancelFlag, task: Option<Task>) -> Self {
        Self { cancel, _task: task }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.cancel.set();
    }
}

/// Starts an action of `instance`, inside of which the caller is.
pub(crate) fn start(
    instance: &Arc<Instance>,
    inside: &Inside<'_>,
    tasks: Tasks,
    action: u32,
    (params, form): (FfiTape, Form),
    frame: Arc<Frame>,
    done: impl FnOnce(Result<ResultTape>) + Send + 'static,
) -> Result<Task> {
    let step = Step::Act(action);
    inside.stay();
    let serving = Arc::clone(&frame);
    let stay = Stay(Arc::clone(instance));
    let completion = completion::expect(
        instance.reading(form),
        Box::new(move |outcome| {
            let instance = Arc::clone(&stay.0);
            let outcome = result(&instance, step, outcome);
            drop(stay);
            drop(frame); // the call goes on until its outcome comes
            done(outcome);
        }),
    );
    let (mut handle, mut error) = (ptr::null_mut(), PluginError::new());
    // SAFETY: the instance is initialized, and stays so until it is left; the tape and the places
    // live for the time of the call.
    let status = serving.serve(|| unsafe {
        (tasks.start)(
            instance.handle(),
            action,
            &raw const params,
            &raw const completion,
            &raw mut handle,
            error.as_mut_ptr(),
        )
    });
    if status == status::OK {
        return Ok(Task { tasks, handle, generation: fork::generation() });
    }
    completion::withdraw(&completion);
    Err(error.to_error(step, instance.info()))
}

fn result(instance: &Instance, step: Step, outcome: Outcome) -> Result<ResultTape> {
    if let Some(result) = outcome.result {
        return result.map_err(|broken| instance.unreadable(broken, step));
    }
    let error = outcome.error.unwrap_or_else(PluginError::new);
    Err(error.to_error(step, instance.info()))
}
