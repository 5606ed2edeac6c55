//! Async actions: started here, finished by the library on a thread of its own.
//!
//! What waits for an outcome is known to the library by a number only, so that a second or a late
//! outcome finds nothing and does no harm.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use zerepy_core::Result;
use zerepy_plugin_abi::{FfiCompletion, FfiError, FfiOwnedTape, FfiTape, status};

use crate::descriptor::Encoding;
use crate::failure::{PluginError, Step};
use crate::gate::Inside;
use crate::handshake::Tasks;
use crate::instance::Instance;
use crate::{Form, ResultTape, fork};

/// Takes the outcome of an action, on whatever thread the library finishes it.
pub type Done = Box<dyn FnOnce(Result<ResultTape>) + Send>;

struct Waiting {
    stay: Stay,
    step: Step,
    form: Form,
    done: Done,
}

/// An action's own place in its instance, beside that of the call that starts it: the outcome may
/// come while the library is still in `start`.
struct Stay(Arc<Instance>);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.leave();
    }
}

static WAITING: LazyLock<Mutex<HashMap<usize, Waiting>>> = LazyLock::new(Mutex::default);
static NEXT: AtomicUsize = AtomicUsize::new(1);
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

/// How many outcomes came that nobody waited for: finished twice, or never started.
#[must_use]
pub fn unexpected_outcomes() -> u64 {
    UNEXPECTED.load(Ordering::Relaxed)
}

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

/// Starts an action of `instance`, inside of which the caller is.
pub(crate) fn start(
    instance: &Arc<Instance>,
    inside: &Inside<'_>,
    tasks: Tasks,
    action: u32,
    (params, form): (FfiTape, Form),
    done: Done,
) -> Result<Task> {
    let step = Step::Act(action);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    inside.stay();
    let waiting = Waiting { stay: Stay(Arc::clone(instance)), step, form, done };
    WAITING.lock().insert(number, waiting);
    let context = ptr::without_provenance_mut(number);
    let completion = FfiCompletion { context, finish: Some(finish) };
    let (mut handle, mut error) = (ptr::null_mut(), PluginError::new());
    // SAFETY: the instance is initialized, and stays so until it is left; the tape and the places
    // live for the time of the call.
    let status = unsafe {
        (tasks.start)(
            instance.handle(),
            action,
            &raw const params,
            &raw const completion,
            &raw mut handle,
            error.as_mut_ptr(),
        )
    };
    if status == status::OK {
        return Ok(Task { tasks, handle, generation: fork::generation() });
    }
    let refused = WAITING.lock().remove(&number);
    drop(refused);
    Err(error.to_error(step, instance.info()))
}

/// The library's way to hand over an outcome.
unsafe extern "C" fn finish(context: *mut c_void, result: *mut FfiOwnedTape, error: *mut FfiError) {
    // SAFETY: the library passes NULL or its own place.
    let result = (!result.is_null()).then(|| unsafe { result.read() });
    // SAFETY: as above.
    let error = (!error.is_null()).then(|| unsafe { PluginError::take(error) });
    let Some(waiting) = WAITING.lock().remove(&context.addr()) else {
        UNEXPECTED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the library hands over what was in its place; dropping gives it back.
        drop(result.map(|raw| unsafe { ResultTape::take(raw, Encoding::Tape, Form::DEFAULT) }));
        return;
    };
    let Waiting { stay, step, form, done } = waiting;
    let instance = Arc::clone(&stay.0);
    let outcome = match result {
        Some(raw) => {
            // SAFETY: the library hands over what was in its place.
            let taken = unsafe { instance.take(raw, form) };
            taken.map_err(|broken| instance.unreadable(broken, step))
        }
        None => Err(error.unwrap_or_else(PluginError::new).to_error(step, instance.info())),
    };
    drop(stay);
    done(outcome);
}
