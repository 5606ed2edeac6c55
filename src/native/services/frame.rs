//! Which call a thread is serving, for whom, and through which plugins it came there.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::time::Instant;

use foldhash::HashMap;
use parking_lot::Mutex;
use zerepy_core::{Error, ErrorKind, Result};

use super::{CallOptions, CancelFlag, Scope};

/// How many plugins may call each other: beyond it, it is taken for a recursion without end.
const MAX_CHAIN: usize = 16;

thread_local! {
    /// What this thread is serving; NULL if nothing. [`Frame::serve`] keeps it alive.
    static CURRENT: Cell<*const Frame> = const { Cell::new(ptr::null()) };
}

/// The calls that plugins have asked for the numbers of.
static CALLS: LazyLock<Mutex<HashMap<u64, Weak<Frame>>>> = LazyLock::new(Mutex::default);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A plugin that makes a call, and the calls in which it does so.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Frame>);

impl Caller {
    /// The plugin that this thread is serving.
    #[must_use]
    pub fn current() -> Option<Self> {
        Frame::current().map(Self)
    }

    /// The same calls, and within them one that is served by Python code, until `cancel` is set.
    #[must_use]
    pub fn through(&self, plugin: &str, cancel: CancelFlag) -> Self {
        let seat = Seat::Foreign { home: self.0.home(), plugin: plugin.to_owned() };
        let options = CallOptions { cancel, ..CallOptions::within(self.clone()) };
        Self(Arc::new(Frame::new(OnceLock::from(NOBODY), seat, options, Waits::Freely)))
    }

    /// Whether nobody waits for the call that it makes its own for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// When the first of those who wait for it stops doing so.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }
}

/// Who is being served.
#[derive(Debug)]
enum Seat {
    Native(Arc<Scope>),
    Foreign { home: usize, plugin: String },
}

/// Whether a call may make others, on the thread that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Not at all: an `inline` action, which may hold the interpreter and what is lent to it.
    Never,
    /// Only if it does not wait for them: an async action is begun on a thread that may hold the
    /// interpreter, too.
    Later,
    Freely,
}

/// The number of a call that nobody can ask for.
const NOBODY: u64 = 0;

/// A call being served. Shared by its thread, its task and the calls that it makes.
#[derive(Debug)]
pub(crate) struct Frame {
    number: OnceLock<u64>, // it has one from when its plugin asks for it
    seat: Seat,
    waits: Waits,
    deadline: Option<Instant>,
    cancel: CancelFlag,
    caller: Option<Arc<Frame>>,
}

impl Frame {
    fn new(number: OnceLock<u64>, seat: Seat, options: CallOptions, waits: Waits) -> Self {
        let caller = options.caller.map(|caller| caller.0).or_else(Self::current);
        let above = caller.as_ref().and_then(|caller| caller.deadline);
        let deadline = [options.deadline, above].into_iter().flatten().min();
        Self { number, seat, waits, deadline, cancel: options.cancel, caller }
    }

    /// The calls of an `inline` action from outside, all of them: making one costs nothing.
    pub(crate) fn inline(scope: &Arc<Scope>) -> Arc<Self> {
        let seat = Seat::Native(Arc::clone(scope));
        let (deadline, cancel, caller) = (None, CancelFlag::default(), None);
        let number = OnceLock::from(NOBODY);
        Arc::new(Self { number, seat, waits: Waits::Never, deadline, cancel, caller })
    }

    /// One call, which its plugin may ask for by its number.
    pub(crate) fn call(scope: &Arc<Scope>, options: CallOptions, waits: Waits) -> Arc<Self> {
        let seat = Seat::Native(Arc::clone(scope));
        Arc::new(Self::new(OnceLock::new(), seat, options, waits))
    }

    /// What this thread is serving.
    pub(crate) fn current() -> Option<Arc<Self>> {
        let frame = CURRENT.get();
        if frame.is_null() {
            return None;
        }
        // SAFETY: `serve` borrows an `Arc` of it until it has put back what was there before.
        unsafe {
            Arc::increment_strong_count(frame);
            Some(Arc::from_raw(frame))
        }
    }

    /// The call of that number, unless it has ended.
    pub(crate) fn find(number: u64) -> Option<Arc<Self>> {
        CALLS.lock().get(&number).and_then(Weak::upgrade)
    }

    /// Whether this thread is not serving anything: what is called now is called from outside.
    #[inline]
    pub(crate) fn is_outside() -> bool {
        CURRENT.get().is_null()
    }

    /// Serves it on this thread while `work` runs.
    #[inline]
    pub(crate) fn serve<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        CURRENT.with(|current| {
            let _serving = Serving { current, outer: current.replace(Arc::as_ptr(self)) };
            work()
        })
    }

    /// What it is found by until it ends.
    pub(crate) fn number(self: &Arc<Self>) -> u64 {
        *self.number.get_or_init(|| {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            CALLS.lock().insert(number, Arc::downgrade(self));
            number
        })
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn waits(&self) -> Waits {
        self.waits
    }

    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        match &self.seat {
            Seat::Native(scope) => Some(scope),
            Seat::Foreign { .. } => None,
        }
    }

    /// How many calls deep this is, itself counted.
    pub(crate) fn depth(&self) -> usize {
        self.outwards().count()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        let over = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        over || self.outwards().any(|frame| frame.cancel.is_set())
    }

    /// Whether it may call `plugin`: not if that waits for this very call, or the chain is too long.
    pub(crate) fn may_call(&self, plugin: &str) -> Result<()> {
        let home = self.home();
        let waits = self.outwards().any(|frame| frame.home() == home && frame.plugin() == plugin);
        if !waits && self.depth() < MAX_CHAIN {
            return Ok(());
        }
        let mut chain: Vec<_> = self.outwards().map(Self::plugin).collect();
        chain.reverse();
        chain.push(plugin);
        let (why, hint) = if waits {
            ("it waits for this call already", "Call it from outside, or publish an event instead")
        } else {
            ("too many plugins call each other", "Let one of them do more by itself")
        };
        let message = format!("plugin {plugin:?} cannot be called, {why}: {}", chain.join(" -> "));
        Err(Error::new(ErrorKind::State, message).with_plugin(plugin).with_hint(hint))
    }

    fn outwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |frame| frame.caller.as_deref())
    }

    fn plugin(&self) -> &str {
        match &self.seat {
            Seat::Native(scope) => scope.plugin(),
            Seat::Foreign { plugin, .. } => plugin,
        }
    }

    /// Tells the plugins of one host from those of another with the same name.
    fn home(&self) -> usize {
        match &self.seat {
            Seat::Native(scope) => scope.home_address(),
            Seat::Foreign { home, .. } => *home,
        }
    }
}

impl From<Arc<Frame>> for Caller {
    fn from(frame: Arc<Frame>) -> Self {
        Self(frame)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(number) = self.number.get().filter(|number| **number != NOBODY) {
            CALLS.lock().remove(number);
        }
    }
}

/// What the thread was serving before comes back when this is dropped, also by a panic.
struct Serving<'t> {
    current: &'t Cell<*const Frame>,
    outer: *const Frame,
}

impl Drop for Serving<'_> {
    #[inline]
    fn drop(&mut self) {
        self.current.set(self.outer);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::time::Duration;

    use super::*;

    fn call(plugin: &str, options: CallOptions) -> Arc<Frame> {
        Frame::call(&Scope::new(plugin), options, Waits::Freely)
    }

    #[test]
    fn a_call_ends_with_those_who_wait_for_it() {
        let outer = call("a", CallOptions::default());
        let inner = call("b", CallOptions::within(Caller::from(Arc::clone(&outer))));
        assert!(!inner.is_cancelled() && inner.depth() == 2);
        outer.cancel.set();
        assert!(inner.is_cancelled());
        let soon = Instant::now() + Duration::from_secs(60);
        let outer = call("a", CallOptions { deadline: Some(soon), ..CallOptions::default() });
        let later = Some(soon + Duration::from_secs(60));
        let caller = Some(Caller::from(outer));
        let inner = call("b", CallOptions { deadline: later, caller, ..CallOptions::default() });
        assert_eq!(inner.deadline(), Some(soon));
        let past = CallOptions { deadline: Some(Instant::now()), ..CallOptions::default() };
        assert!(call("a", past).is_cancelled());
    }

    #[test]
    fn a_call_is_found_until_it_ends() {
        let frame = call("a", CallOptions::default());
        let number = frame.number();
        assert!(Frame::find(number).is_some());
        drop(frame);
        assert!(Frame::find(number).is_none());
    }

    #[test]
    fn what_a_thread_serves_nests() {
        assert!(Frame::current().is_none());
        call("a", CallOptions::default()).serve(|| {
            let inner = call("b", CallOptions::default());
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                inner.serve(|| {
                    assert_eq!(Frame::current().unwrap().plugin(), "b");
                    assert_eq!(Frame::current().unwrap().depth(), 2);
                    resume_unwind(Box::new("in b"));
                });
            }));
            assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"in b"));
            assert_eq!(Frame::current().unwrap().plugin(), "a");
            assert!(!Frame::is_outside());
        });
        assert!(Frame::current().is_none() && Frame::is_outside());
    }

    #[test]
    fn chains_are_bounded_and_never_closed() {
        let first = Caller::from(call("a", CallOptions::default()));
        let second = first.through("b", CancelFlag::default());
        let error = second.0.may_call("a").unwrap_err();
        assert!(error.message().ends_with("a -> b -> a"), "{error}");
        assert!(second.0.may_call("c").is_ok());
        let deep = (1..MAX_CHAIN)
            .fold(first, |caller, at| caller.through(&at.to_string(), CancelFlag::default()));
        let error = deep.0.may_call("c").unwrap_err();
        assert!(error.message().contains("too many plugins"), "{error}");
    }
}
