//! One lifecycle operation at a time, per host.

use std::process;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::{Error, ErrorKind, Mark, Result, Threads};

/// How long an operation waits for another one before it gives up.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Says whose turn it is to start and stop plugins. Plugin code runs while a turn is held, so this
/// is no mutex: a plugin that asks again gets an error, not a deadlock.
#[derive(Default)]
pub(crate) struct Turn {
    holder: Mutex<Option<Holder>>,
    free: Condvar,
}

struct Holder {
    process: u32,
    thread: ThreadId,
    operation: &'static str,
}

/// The turn, given back on drop.
pub(crate) struct Held<'a> {
    turn: &'a Turn,
    _mark: Mark,
}

impl Turn {
    /// Waits for the turn, for a minute at most; an interruption of the wait is an error.
    pub(crate) fn take(&self, operation: &'static str, threads: &dyn Threads) -> Result<Held<'_>> {
        self.take_within(operation, threads, MAX_WAIT)
    }

    /// Waits for the turn, so long at most; not in a process that was forked while another thread
    /// had it, for that thread does not exist there.
    pub(crate) fn take_within(
        &self,
        operation: &'static str,
        threads: &dyn Threads,
        limit: Duration,
    ) -> Result<Held<'_>> {
        let (process, thread) = (process::id(), thread::current().id());
        let is_within = threads.is_within();
        let stretch = threads.stretch();
        let deadline = Instant::now() + limit;
        loop {
            let mut holder = self.holder.lock();
            let Some(Holder { process: home, thread: other, operation: running }) = &*holder else {
                *holder = Some(Holder { process, thread, operation });
                drop(holder);
                return Ok(Held { turn: self, _mark: threads.enter() });
            };
            if *home != process {
                return Err(forked(operation, running));
            }
            if *other == thread || is_within {
                return Err(within(operation, running));
            }
            let running = *running;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(too_long(operation, running, limit));
            }
            self.free.wait_for(&mut holder, left.min(stretch.unwrap_or(limit)));
            drop(holder);
            if stretch.is_some() {
                threads.check()?;
            }
        }
    }
}

fn within(operation: &str, running: &str) -> Error {
    let message = format!("{operation} was called by a plugin or hook within {running}");
    Error::new(ErrorKind::State, message).with_hint("Call it from outside, after that one returned")
}

fn forked(operation: &str, running: &str) -> Error {
    let message = format!("{operation} is not possible: this process was forked within {running}");
    Error::new(ErrorKind::State, message).with_hint("Make a manager in the child process")
}

fn too_long(operation: &str, running: &str, limit: Duration) -> Error {
    let message = format!("{operation} waited {} s for {running}", limit.as_secs());
    Error::new(ErrorKind::State, message)
        .with_hint("Another thread is starting or stopping plugins and does not end")
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.turn.holder.lock() = None;
        self.turn.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::PlainThreads;

    #[test]
    fn a_second_turn_of_the_same_thread_is_an_error() {
        let turn = Turn::default();
        let held = turn.take("start_plugins", &PlainThreads).unwrap();
        let error = turn.take("stop_plugins", &PlainThreads).err().unwrap();
        assert_eq!(
            error.message(),
            "stop_plugins was called by a plugin or hook within start_plugins"
        );
        drop(held);
        assert!(turn.take("stop_plugins", &PlainThreads).is_ok());
    }

    #[test]
    fn another_thread_waits_for_its_turn() {
        let turn = Turn::default();
        let held = turn.take("start_plugins", &PlainThreads).unwrap();
        thread::scope(|scope| {
            let other = scope.spawn(|| turn.take("stop_plugins", &PlainThreads).is_ok());
            thread::sleep(Duration::from_millis(5));
            assert!(!other.is_finished());
            drop(held);
            assert!(other.join().unwrap());
        });
    }
}
