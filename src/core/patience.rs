//! Waiting on behalf of whoever called: until something comes, time is up, or the user wants out.

use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Result, Threads};

/// A wait without an end is cut into waits this long.
const LONG: Duration = Duration::from_secs(3600);

/// How one thread waits during one operation.
pub(crate) struct Patience<'a> {
    threads: &'a dyn Threads,
    stretch: Option<Duration>, // `None`: this thread has nothing to ask for, and does not
    checked: Instant,
}

impl<'a> Patience<'a> {
    /// For the calling thread.
    pub(crate) fn new(threads: &'a dyn Threads) -> Self {
        Self { threads, stretch: threads.stretch(), checked: Instant::now() }
    }

    /// Waits for a message until then; `None` if none came. An interruption is the error.
    pub(crate) fn receive<T>(
        &mut self,
        receiver: &Receiver<T>,
        until: Instant,
    ) -> Result<Option<T>> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Ok(message) = receiver.recv_timeout(left.min(self.stretch.unwrap_or(LONG))) {
                return Ok(Some(message));
            }
            self.check(Duration::ZERO)?;
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }

    /// Sleeps; an interruption is the error.
    pub(crate) fn sleep(&mut self, duration: Duration) -> Result<()> {
        thread::sleep(duration);
        self.check(self.stretch.unwrap_or(LONG))
    }

    /// Asks whether the user wants out, unless that was asked a shorter time ago.
    fn check(&mut self, after: Duration) -> Result<()> {
        if self.stretch.is_none() || self.checked.elapsed() < after {
            return Ok(());
        }
        self.checked = Instant::now();
        self.threads.check()
    }
}
