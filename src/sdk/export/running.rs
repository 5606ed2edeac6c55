//! The library's runtime, and the author's futures on it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Builder, Handle, Runtime};
use zerepy_plugin_abi::code;

use super::guard::guard;
use crate::host::Context as Call;
use crate::{Error, Result};

/// Enough for work that awaits; what computes for long belongs into a blocking action.
const WORKERS: usize = 2;

/// The library's runtime, made at the first async call: a host's runtime cannot be shared, for
/// tokio's context belongs to the copy of tokio that is linked in here.
pub(super) fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<(u32, std::io::Result<Runtime>)> = OnceLock::new();
    let (home, made) = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(WORKERS).thread_name("zerepy-plugin").enable_all();
        (std::process::id(), builder.build())
    });
    if *home != std::process::id() {
        let why = "its worker threads are in the process that this one was forked from";
        return Err(Error::with_code(code::STATE, why).with_hint(
            "Make the first async call after the fork, or start processes with \"spawn\"",
        ));
    }
    made.as_ref().map_err(|error| Error::new(format!("its runtime cannot be started: {error}")))
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Polls an action once on this thread, as a task would be: with the runtime at hand, and with a
/// budget, so that what is always ready does not keep the thread. Nothing is polled within a runtime,
/// which polls something else already.
///
/// Its waker does nothing: whatever is pending then has to be spawned, which polls it again.
pub(super) fn poll_here<T>(runtime: &Runtime, mut action: &mut Guarded<T>) -> Poll<Result<T>> {
    if Handle::try_current().is_ok() {
        return Poll::Pending;
    }
    let mut context = Context::from_waker(Waker::noop());
    // Through the handle, which enters the runtime once; `Runtime::block_on` does so twice.
    runtime.handle().block_on(poll_fn(|_| Poll::Ready(Pin::new(&mut action).poll(&mut context))))
}

/// An action under way. All that is the author's runs guarded, the dropping included; a panic
/// poisons the instance.
pub(super) struct Guarded<T> {
    plugin: &'static str,
    call: Option<Call>,    // none while it is on the thread that the host called
    work: Option<Work<T>>, // there until it is dropped
    poisoned: Arc<AtomicBool>,
}

impl<T> Guarded<T> {
    pub(super) const fn new(
        plugin: &'static str,
        work: Work<T>,
        poisoned: Arc<AtomicBool>,
    ) -> Self {
        Self { plugin, call: None, work: Some(work), poisoned }
    }

    /// For other threads: it knows from now on which call it is.
    pub(super) fn taken_along(mut self) -> Self {
        self.call = Call::current();
        self
    }

    fn guarded<R>(&mut self, body: impl FnOnce(&mut Option<Work<T>>) -> R) -> Result<R> {
        let result = Call::within(self.call, || guard(self.plugin, || Ok(body(&mut self.work))));
        if result.is_err() {
            self.poisoned.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl<T> Future for Guarded<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let poll = self.guarded(|work| match work {
            Some(work) => work.as_mut().poll(context),
            None => Poll::Pending,
        });
        poll.unwrap_or_else(|panic| Poll::Ready(Err(panic)))
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // A panic has been noted, and there is nobody to tell.
        let _ = self.guarded(|work| drop(work.take()));
    }
}
