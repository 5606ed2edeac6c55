//! Waiting for an async action, as a test does.

use std::ptr;

use zerepy_plugin_abi::{ActionIndex, FfiOwnedTape, FfiPlugin, Instance};

use super::completion::Expected;
use super::{Failure, REQUIRED, attempt};
use crate::codec::Payload;

/// Starts the action, and waits for its outcome.
pub(super) fn perform(
    table: &FfiPlugin,
    instance: Instance,
    action: ActionIndex,
    params: &Payload,
) -> Result<FfiOwnedTape, Failure> {
    let (start, release) = (table.start.expect(REQUIRED), table.release_task.expect(REQUIRED));
    let expected = Expected::new();
    let completion = expected.completion();
    let mut task = ptr::null_mut();
    // SAFETY: our own instance, a tape that lives until the end of the call, places for the task and
    // the error.
    let started = attempt(|error| unsafe {
        start(instance, action, &params.as_ffi(), &raw const completion, &raw mut task, error)
    });
    if let Err(refused) = started {
        expected.withdraw();
        return Err(refused);
    }
    let outcome = expected.wait();
    // SAFETY: what `start` made, once.
    unsafe { release(task) };
    outcome.map(|result| result.expect("an action that succeeds has a result"))
}
