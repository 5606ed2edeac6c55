//! Calls that are awaited.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zerepy_plugin_abi::{FfiCallService, FfiCompletion, FfiError, FfiOwnedTape, FfiSlice, Task};

use super::encode;
use crate::host::call::{self, Context as Call};
use crate::host::extension::{function, host};
use crate::host::reply::{Reply, ask, failure};
use crate::{Error, Result};

/// Begins a call.
pub(in crate::host) fn start<R: DeserializeOwned, P: Serialize>(
    scope: u64,
    plugin: &str,
    action: &str,
    params: &P,
) -> impl Future<Output = Result<R>> + Send + use<R, P> {
    let started = begin(scope, plugin, action, params);
    let reply = PhantomData::<fn() -> R>;
    async move {
        let _ = reply;
        started?.await?.decode()
    }
}

fn begin<P: Serialize>(scope: u64, plugin: &str, action: &str, params: &P) -> Result<Pending> {
    let start = function(|table: &FfiCallService| table.start)?;
    let release = function(|table: &FfiCallService| table.release_task)?;
    let params = encode(params)?;
    let (plugin, action) = (FfiSlice::new(plugin.as_bytes()), FfiSlice::new(action.as_bytes()));
    let (call, params) = (call::number(), params.as_ffi());
    let (shared, mut task) = (Arc::<Mutex<Slot>>::default(), ptr::null_mut());
    let context = Arc::into_raw(Arc::clone(&shared)).cast_mut().cast::<c_void>();
    let completion = FfiCompletion { context, finish: Some(finish) };
    // SAFETY: texts, parameters and completion live until the end of the call, as do the places.
    let start = |error| unsafe {
        let (params, completion) = (&raw const params, &raw const completion);
        start(host(), scope, call, plugin, action, params, completion, &raw mut task, error)
    };
    match Call::within(None, || ask(start)) {
        Ok(()) => Ok(Pending { shared, task, release }),
        Err(error) => {
            // SAFETY: what was not started has no outcome, so nobody else takes it.
            drop(unsafe { Arc::from_raw(context.cast::<Mutex<Slot>>()) });
            Err(error)
        }
    }
}

/// Where the outcome is put, and who waits for it.
#[derive(Default)]
struct Slot {
    outcome: Option<Result<Reply>>,
    waker: Option<Waker>,
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn finish(context: *mut c_void, result: *mut FfiOwnedTape, error: *mut FfiError) {
    // SAFETY: the one outcome takes what `begin` made for it.
    let shared = unsafe { Arc::from_raw(context.cast::<Mutex<Slot>>()) };
    let outcome = match (result.is_null(), error.is_null()) {
        // SAFETY: the host passes a value, and hands it over.
        (false, true) => Ok(unsafe { Reply::take(result) }),
        // SAFETY: the host passes an error, and hands it over.
        (true, false) => Err(unsafe { failure(&*error) }),
        _ => Err(Error::new("the host gave no outcome")),
    };
    let waker = {
        let mut slot = lock(&shared);
        slot.outcome = Some(outcome);
        slot.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A call that was begun; it is cancelled when this is dropped before its end.
struct Pending {
    shared: Arc<Mutex<Slot>>,
    task: Task,
    release: unsafe extern "C" fn(Task),
}

// SAFETY: the host's task may be used on any thread.
unsafe impl Send for Pending {}

impl Future for Pending {
    type Output = Result<Reply>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = lock(&self.shared);
        if let Some(outcome) = slot.outcome.take() {
            return Poll::Ready(outcome);
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // SAFETY: what `start` wrote, once.
        unsafe { (self.release)(self.task) };
    }
}
