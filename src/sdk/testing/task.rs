//! Waiting for an async action, as a test does.

use std::ffi::c_void;
use std::ptr;
use std::sync::mpsc::{Sender, channel};

use zerepy_plugin_abi::{ActionIndex, FfiCompletion, FfiError, FfiOwnedTape, FfiPlugin, Instance};

use super::{Failure, REQUIRED, attempt, failure};
use crate::codec::Payload;

/// A result on its way from the runtime's thread.
struct Handed(FfiOwnedTape);

// SAFETY: it is plain data that only this value refers to, released on whatever thread.
unsafe impl Send for Handed {}

type Outcome = Result<Handed, Failure>;

/// Starts the action, and waits for its outcome.
pub(super) fn perform(
    table: &FfiPlugin,
    instance: Instance,
    action: ActionIndex,
    params: &Payload,
) -> Result<FfiOwnedTape, Failure> {
    let (start, release) = (table.start.expect(REQUIRED), table.release_task.expect(REQUIRED));
    let (sender, receiver) = channel::<Outcome>();
    let sender = Box::into_raw(Box::new(sender));
    let completion = FfiCompletion { context: sender.cast(), finish: Some(finish) };
    let mut task = ptr::null_mut();
    // SAFETY: our own instance, a tape that lives until the end of the call, places for the task and
    // the error.
    let started = attempt(|error| unsafe {
        start(instance, action, &params.as_ffi(), &raw const completion, &raw mut task, error)
    });
    if let Err(refused) = started {
        // SAFETY: what was not started has no outcome, so nobody else takes it.
        drop(unsafe { Box::from_raw(sender) });
        return Err(refused);
    }
    let outcome = receiver.recv().expect("every action that was started has an outcome");
    // SAFETY: what `start` made, once.
    unsafe { release(task) };
    outcome.map(|Handed(result)| result)
}

unsafe extern "C" fn finish(context: *mut c_void, result: *mut FfiOwnedTape, error: *mut FfiError) {
    // SAFETY: the one outcome takes what `perform` made for it.
    let sender = unsafe { Box::from_raw(context.cast::<Sender<Outcome>>()) };
    // SAFETY: our own side passes one of the two, and hands it over.
    let outcome =
        unsafe { if error.is_null() { Ok(Handed(result.read())) } else { Err(failure(&*error)) } };
    let _ = sender.send(outcome); // nobody waits any more if the test has panicked
}
