//! The call that is running: for which instance, and whether anybody still waits for it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use zerepy_plugin_abi::{FfiContextService, FfiCurrent, NO_LIMIT, status};

use super::extension::{find, host};

thread_local! {
    /// The call of the task that is being polled; the host knows only what a thread began.
    static POLLED: Cell<Option<Context>> = const { Cell::new(None) };
}

/// What is known of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    scope: u64,
    call: u64,
    deadline: Option<Instant>,
}

impl Context {
    /// Of the call that runs here.
    pub(crate) fn current() -> Option<Self> {
        POLLED.get().or_else(Self::of_thread)
    }

    /// Runs `body` as a part of that call; of none, if it may begin another one on this thread.
    pub(crate) fn within<T>(context: Option<Self>, body: impl FnOnce() -> T) -> T {
        let outer = POLLED.replace(context);
        let result = body(); // the guard inside of it catches panics
        POLLED.set(outer);
        result
    }

    #[expect(clippy::cast_possible_truncation, reason = "the structure is a few dozen bytes")]
    fn of_thread() -> Option<Self> {
        let current = find::<FfiContextService>()?.current?;
        let size = size_of::<FfiCurrent>() as u32;
        let mut found = FfiCurrent { size, depth: 0, scope: 0, call: 0, remaining_ns: NO_LIMIT };
        // SAFETY: our own place for the answer.
        if unsafe { current(host(), &raw mut found) } != status::OK {
            return None;
        }
        let limited = found.remaining_ns != NO_LIMIT;
        let deadline = limited.then(|| Instant::now() + Duration::from_nanos(found.remaining_ns));
        Some(Self { scope: found.scope, call: found.call, deadline })
    }
}

/// The instance that is running here; 0 if none is.
pub(super) fn scope() -> u64 {
    Context::current().map_or(0, |context| context.scope)
}

/// The number of the call that is running here; 0 if none is.
pub(super) fn number() -> u64 {
    Context::current().map_or(0, |context| context.call)
}

/// The call that is running: a long one may look whether it is still wanted.
///
/// ```
/// # use zerepy_plugin::Call;
/// # fn step() {}
/// let call = Call::current();
/// for _ in 0..3 {
///     if call.is_cancelled() {
///         break;
///     }
///     step();
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Call(Option<Context>);

impl Call {
    /// The call that is running here, if any. It may be taken along to other threads.
    #[must_use]
    pub fn current() -> Self {
        Self(Context::current())
    }

    /// Whether nobody waits for its result any more: its caller was cancelled or interrupted, its
    /// time is over, or it has ended. An inline action is always waited for. Cheap enough for a loop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let Some(context) = self.0 else { return false };
        let function = find::<FfiContextService>().and_then(|table| table.is_cancelled);
        // SAFETY: the ABI allows any number from any thread.
        function.is_some_and(|ask| unsafe { ask(host(), context.call) } == status::YES)
    }

    /// When its caller stops waiting, if there is a time limit.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.and_then(|context| context.deadline)
    }
}
