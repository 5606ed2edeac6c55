//! Handing an outcome to the host, exactly once.

use std::ptr;

use zerepy_plugin_abi::{FfiCompletion, FfiError};

use super::error::report;
use crate::codec::Payload;
use crate::{Error, Result};

/// Sees to it that there is an outcome, and only one: dropped without, it says "cancelled".
pub(super) struct Finisher(Option<Completion>);

/// Where the host wants the outcome.
struct Completion(FfiCompletion);

// SAFETY: the host takes an outcome on any thread.
unsafe impl Send for Completion {}

impl Finisher {
    pub(super) const fn new(completion: FfiCompletion) -> Self {
        Self(Some(Completion(completion)))
    }

    /// A result, neither result nor error, or an error.
    pub(super) fn finish(mut self, outcome: Result<Option<Payload>>) {
        self.report(outcome);
    }

    fn report(&mut self, outcome: Result<Option<Payload>>) {
        let Some(Completion(FfiCompletion { context, finish: Some(finish) })) = self.0.take()
        else {
            return;
        };
        match outcome {
            Ok(Some(payload)) => {
                let mut result = payload.into_ffi();
                // SAFETY: this is the only time, and the place lives for the time of the call.
                unsafe { finish(context, &raw mut result, ptr::null_mut()) };
            }
            // SAFETY: this is the only time.
            Ok(None) => unsafe { finish(context, ptr::null_mut(), ptr::null_mut()) },
            Err(failure) => {
                let mut error = FfiError::empty();
                // SAFETY: as above; the place lives for the time of the call.
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
