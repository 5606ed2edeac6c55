//! Who may be inside an instance: many calls at once, or one `initialize` or `cleanup` alone.

use std::sync::atomic::{AtomicUsize, Ordering};

const EMPTY: usize = 1 << (usize::BITS - 1);
const EXCLUSIVE: usize = 1 << (usize::BITS - 2);
const COUNT: usize = EXCLUSIVE - 1;

/// The state of an instance and the number of calls in it, in one word. Never blocks.
#[derive(Debug)]
pub(crate) struct Gate(AtomicUsize);

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It is not initialized.
    Empty,
    /// It is initialized already.
    Ready,
    /// `initialize` or `cleanup` is running.
    Exclusive,
    /// That many calls are running.
    Busy(usize),
}

/// A call that was let in; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Gate);

/// The instance for oneself, until this is dropped; then it is what it was before.
#[derive(Debug)]
pub(crate) struct Alone<'a> {
    gate: &'a Gate,
    after: usize,
}

impl Gate {
    /// Of an instance that is not initialized.
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(EMPTY))
    }

    /// Lets a call in, which needs an initialized instance.
    #[inline]
    pub(crate) fn enter(&self) -> Result<Inside<'_>, Closed> {
        self.enter_unless(EMPTY | EXCLUSIVE)
    }

    /// Lets a question in, which may also be asked before `initialize`.
    pub(crate) fn ask(&self) -> Result<Inside<'_>, Closed> {
        self.enter_unless(EXCLUSIVE)
    }

    /// Lets `initialize` in.
    pub(crate) fn fill(&self) -> Result<Alone<'_>, Closed> {
        self.exclude(EMPTY, Closed::Ready)
    }

    /// Lets `cleanup` in.
    pub(crate) fn empty(&self) -> Result<Alone<'_>, Closed> {
        self.exclude(0, Closed::Empty)
    }

    /// Lets out a call that stayed inside.
    #[inline]
    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Whether nobody is inside.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.load(Ordering::Acquire) & (EXCLUSIVE | COUNT) == 0
    }

    /// A compare-exchange rather than an addition taken back: a refused call must never be counted,
    /// not even for a moment, or it could keep an `initialize` out.
    #[inline]
    fn enter_unless(&self, closed: usize) -> Result<Inside<'_>, Closed> {
        let mut word = self.0.load(Ordering::Relaxed);
        while word & closed == 0 {
            match self.0.compare_exchange_weak(word, word + 1, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Ok(Inside(self)),
                Err(now) => word = now,
            }
        }
        Err(if word & EXCLUSIVE != 0 { Closed::Exclusive } else { Closed::Empty })
    }

    fn exclude(&self, needed: usize, otherwise: Closed) -> Result<Alone<'_>, Closed> {
        let exclusive = needed | EXCLUSIVE;
        let entered =
            self.0.compare_exchange(needed, exclusive, Ordering::Acquire, Ordering::Relaxed);
        match entered {
            Ok(_) => Ok(Alone { gate: self, after: needed }),
            Err(word) if word & EXCLUSIVE != 0 => Err(Closed::Exclusive),
            Err(word) if word & EMPTY != needed => Err(otherwise),
            Err(word) => Err(Closed::Busy(word & COUNT)),
        }
    }
}

impl Inside<'_> {
    /// Counts one more call in, which stays until somebody calls [`Gate::leave`] for it.
    pub(crate) fn stay(&self) {
        self.0.0.fetch_add(1, Ordering::Relaxed); // nobody can be alone in there now
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Alone<'_> {
    /// It worked: an empty instance is ready now, and a ready one empty.
    pub(crate) fn done(mut self) {
        self.after ^= EMPTY;
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.gate.0.store(self.after, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_need_a_ready_instance() {
        let gate = Gate::new();
        assert_eq!(gate.enter().unwrap_err(), Closed::Empty);
        assert_eq!(gate.empty().unwrap_err(), Closed::Empty);
        gate.fill().unwrap().done();
        assert_eq!(gate.fill().unwrap_err(), Closed::Ready);
        drop(gate.enter().unwrap());
        gate.empty().unwrap().done();
        assert_eq!(gate.enter().unwrap_err(), Closed::Empty);
    }

    #[test]
    fn a_failure_leaves_it_as_it_was() {
        let gate = Gate::new();
        drop(gate.fill().unwrap());
        gate.fill().unwrap().done();
        drop(gate.empty().unwrap());
        assert!(gate.enter().is_ok());
    }

    #[test]
    fn alone_means_alone() {
        let gate = Gate::new();
        let question = gate.ask().unwrap();
        assert_eq!(gate.fill().unwrap_err(), Closed::Busy(1));
        drop(question);
        let alone = gate.fill().unwrap();
        assert_eq!(gate.ask().unwrap_err(), Closed::Exclusive);
        assert_eq!(gate.enter().unwrap_err(), Closed::Exclusive);
        assert_eq!(gate.fill().unwrap_err(), Closed::Exclusive);
        assert!(!gate.is_idle());
        alone.done();
        let calls = (gate.enter().unwrap(), gate.enter().unwrap());
        assert_eq!(gate.empty().unwrap_err(), Closed::Busy(2));
        drop(calls);
        assert!(gate.is_idle());
    }
}
