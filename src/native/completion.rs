//! What waits for outcomes: of async actions, of items of streams, of closing them.
//!
//! It is known to the library by a number only, so that a second or a late outcome finds nothing and
//! does no harm. It knows nothing of what an outcome means.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use foldhash::HashMap;
use parking_lot::Mutex;
use zerepy_plugin_abi::{FfiCompletion, FfiError, FfiOwnedTape};

use crate::descriptor::Encoding;
use crate::failure::PluginError;
use crate::instance::Instance;
use crate::{Form, ResultTape, TapeError};

/// What a library handed over.
pub(crate) struct Outcome {
    pub(crate) result: Option<Result<ResultTape, TapeError>>,
    pub(crate) error: Option<PluginError>,
}

type Take = Box<dyn FnOnce(Outcome) + Send>;

/// How the library writes a result, and what of it is accepted.
pub(crate) type Reading = (Encoding, Form);

/// Of an outcome that has no result, or that nobody waits for.
pub(crate) const ANY: Reading = (Encoding::Tape, Form::DEFAULT);

/// A place in an instance that outlasts the call that took it: the outcome may come while the
/// library is still in the function that began it.
#[derive(Debug)]
pub struct Stay(pub(crate) Arc<Instance>);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.leave();
    }
}

static WAITING: LazyLock<Mutex<HashMap<usize, (Reading, Take)>>> = LazyLock::new(Mutex::default);
static NEXT: AtomicUsize = AtomicUsize::new(1);
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

/// How many outcomes came that nobody waited for: finished twice, or never asked for.
#[must_use]
pub fn unexpected_outcomes() -> u64 {
    UNEXPECTED.load(Ordering::Relaxed)
}

/// Has `take` called with the outcome, on whatever thread the library finishes it.
pub(crate) fn expect(reading: Reading, take: Take) -> FfiCompletion {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    WAITING.lock().insert(number, (reading, take));
    FfiCompletion { context: ptr::without_provenance_mut(number), finish: Some(finish) }
}

/// No outcome is expected any more: what would have begun was refused.
pub(crate) fn withdraw(completion: &FfiCompletion) {
    let refused = WAITING.lock().remove(&completion.context.addr());
    drop(refused); // not under the lock: it may free an instance
}

/// The library's way to hand over an outcome.
unsafe extern "C" fn finish(context: *mut c_void, result: *mut FfiOwnedTape, error: *mut FfiError) {
    let waiting = WAITING.lock().remove(&context.addr());
    let (encoding, form) = waiting.as_ref().map_or(ANY, |(reading, _)| *reading);
    let result = (!result.is_null())
        // SAFETY: the library passes its own place, and hands over what is in it.
        .then(|| unsafe { ResultTape::take(result.read(), encoding, form) });
    // SAFETY: as above.
    let error = (!error.is_null()).then(|| unsafe { PluginError::take(error) });
    match waiting {
        Some((_, take)) => take(Outcome { result, error }),
        None => drop(UNEXPECTED.fetch_add(1, Ordering::Relaxed)),
    }
}
