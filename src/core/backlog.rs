//! What waits for one slow subscriber: bounded, and when it is full the oldest goes.
//!
//! It decides when a worker is needed, and starts none: that is the bindings' business.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use parking_lot::Mutex;

/// A bounded queue and whether somebody works on it. Safe to share; no item drops under its lock.
#[derive(Debug)]
pub struct Backlog<T> {
    state: Mutex<State<T>>,
    max: NonZeroUsize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    worker: Option<u32>, // the process that it runs in: after a fork there is none
}

/// What putting something in came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Pushed<T> {
    /// The oldest item, if there was no place for it any more.
    pub dropped: Option<T>,
    /// Whether nobody works on the queue, so that a worker must be started.
    pub needs_worker: bool,
}

impl<T> Backlog<T> {
    /// An empty one that holds at most `max` items.
    #[must_use]
    pub const fn new(max: NonZeroUsize) -> Self {
        let state = State { items: VecDeque::new(), worker: None };
        Self { state: Mutex::new(state), max }
    }

    /// Puts an item in. Whoever is told that a worker is needed has to start one.
    pub fn push(&self, item: T) -> Pushed<T> {
        let mut state = self.state.lock();
        let is_full = state.items.len() >= self.max.get();
        let dropped = if is_full { state.items.pop_front() } else { None };
        state.items.push_back(item);
        let process = Some(std::process::id());
        let needs_worker = state.worker != process;
        state.worker = process;
        Pushed { dropped, needs_worker }
    }

    /// Takes the oldest item out, for the worker; with `None` its work is over.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.state.lock();
        let item = state.items.pop_front();
        if item.is_none() {
            state.worker = None;
        }
        item
    }

    /// The worker is gone: the next item needs a new one.
    pub fn lose_worker(&self) {
        self.state.lock().worker = None;
    }

    /// The worker is gone, and so is all that waited for it.
    pub fn abandon(&self) -> Vec<T> {
        let mut state = self.state.lock();
        state.worker = None;
        state.items.drain(..).collect()
    }

    /// How many items it holds at most.
    #[must_use]
    pub const fn max(&self) -> usize {
        self.max.get()
    }

    /// How many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(max: usize) -> Backlog<u8> {
        Backlog::new(NonZeroUsize::new(max).unwrap())
    }

    #[test]
    fn the_oldest_goes_when_it_is_full() {
        let backlog = backlog(2);
        let dropped: Vec<_> = (1..=4).map(|item| backlog.push(item).dropped).collect();
        assert_eq!(dropped, [None, None, Some(1), Some(2)]);
        assert_eq!((backlog.len(), backlog.pop(), backlog.pop()), (2, Some(3), Some(4)));
    }

    #[test]
    fn one_worker_is_needed_until_it_found_nothing() {
        let backlog = backlog(9);
        assert!(backlog.push(1).needs_worker);
        assert!(!backlog.push(2).needs_worker);
        assert_eq!((backlog.pop(), backlog.pop()), (Some(1), Some(2)));
        assert!(!backlog.push(3).needs_worker); // the worker still looks
        assert_eq!((backlog.pop(), backlog.pop()), (Some(3), None));
        assert!(backlog.push(4).needs_worker);
    }

    #[test]
    fn a_lost_worker_is_replaced() {
        let backlog = backlog(9);
        backlog.push(1);
        backlog.lose_worker();
        assert!(backlog.push(2).needs_worker);
        assert_eq!(backlog.abandon(), [1, 2]);
        assert!(backlog.is_empty() && backlog.push(3).needs_worker);
    }
}
