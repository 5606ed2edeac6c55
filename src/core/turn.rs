//! One lifecycle operation at a time, per host.

use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::{Error, ErrorKind, Result};

/// How long an operation waits for another one before it gives up.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Says whose turn it is to start and stop plugins. Plugin code runs while a turn is held, so this
/// is no mutex: a plugin that asks again from the same thread gets an error, not a deadlock.
#[derive(Default)]
pub(crate) struct Turn {
    holder: Mutex<Option<Holder>>,
    free: Condvar,
}

struct Holder {
    thread: ThreadId,
    operation: &'static str,
}

/// The turn, given back on drop.
pub(crate) struct Held<'a>(&'a Turn);

impl Turn {
    /// Waits for the turn, for a minute at most.
    pub(crate) fn take(&self, operation: &'static str) -> Result<Held<'_>> {
        let thread = thread::current().id();
        let deadline = Instant::now() + MAX_WAIT;
        let mut holder = self.holder.lock();
        while let Some(Holder { thread: other, operation: running }) = &*holder {
            if *other == thread {
                return Err(Error::new(
                    ErrorKind::State,
                    format!("{operation} was called by a plugin or hook within {running}"),
                )
                .with_hint("Call it from outside, after that one returned"));
            }
            let running = *running;
            if self.free.wait_until(&mut holder, deadline).timed_out() {
                return Err(Error::new(
                    ErrorKind::State,
                    format!("{operation} waited {} s for {running}", MAX_WAIT.as_secs()),
                )
                .with_hint("Another thread is starting or stopping plugins and does not end"));
            }
        }
        *holder = Some(Holder { thread, operation });
        Ok(Held(self))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.0.holder.lock() = None;
        self.0.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_turn_of_the_same_thread_is_an_error() {
        let turn = Turn::default();
        let held = turn.take("start_plugins").unwrap();
        let error = turn.take("stop_plugins").err().unwrap();
        assert_eq!(
            error.message(),
            "stop_plugins was called by a plugin or hook within start_plugins"
        );
        drop(held);
        assert!(turn.take("stop_plugins").is_ok());
    }

    #[test]
    fn another_thread_waits_for_its_turn() {
        let turn = Turn::default();
        let held = turn.take("start_plugins").unwrap();
        thread::scope(|scope| {
            let other = scope.spawn(|| turn.take("stop_plugins").is_ok());
            thread::sleep(Duration::from_millis(5));
            assert!(!other.is_finished());
            drop(held);
            assert!(other.join().unwrap());
        });
    }
}
