//! Waiting for an outcome, as a test does.

use std::ffi::c_void;
use std::sync::mpsc::{Receiver, Sender, channel};

use zerepy_plugin_abi::{FfiCompletion, FfiError, FfiOwnedTape};

use super::{Failure, failure};

/// A result on its way from the runtime's thread.
struct Handed(FfiOwnedTape);

// SAFETY: it is plain data that only this value refers to, released on whatever thread.
unsafe impl Send for Handed {}

type Outcome = Result<Option<Handed>, Failure>;

/// An outcome that is waited for.
pub(super) struct Expected {
    sender: *mut Sender<Outcome>,
    outcome: Receiver<Outcome>,
}

impl Expected {
    pub(super) fn new() -> Self {
        let (sender, outcome) = channel();
        Self { sender: Box::into_raw(Box::new(sender)), outcome }
    }

    /// Where the outcome goes, once.
    pub(super) const fn completion(&self) -> FfiCompletion {
        FfiCompletion { context: self.sender.cast(), finish: Some(finish) }
    }

    /// Nothing has begun, so that there is no outcome.
    pub(super) fn withdraw(self) {
        // SAFETY: nobody else takes it.
        drop(unsafe { Box::from_raw(self.sender) });
    }

    /// Waits for it: a result, neither result nor error, or an error.
    pub(super) fn wait(self) -> Result<Option<FfiOwnedTape>, Failure> {
        let outcome = self.outcome.recv().expect("whatever has begun has an outcome");
        outcome.map(|handed| handed.map(|Handed(result)| result))
    }
}

unsafe extern "C" fn finish(context: *mut c_void, result: *mut FfiOwnedTape, error: *mut FfiError) {
    // SAFETY: the one outcome takes what `new` made for it.
    let sender = unsafe { Box::from_raw(context.cast::<Sender<Outcome>>()) };
    // SAFETY: our own side passes at most one of the two, and hands it over.
    let outcome = unsafe {
        match (result.as_ref(), error.as_ref()) {
            (_, Some(error)) => Err(failure(error)),
            (Some(_), None) => Ok(Some(Handed(result.read()))),
            (None, None) => Ok(None),
        }
    };
    let _ = sender.send(outcome); // nobody waits any more if the test has panicked
}
