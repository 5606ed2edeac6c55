//! A step of a plugin's life on another thread, and the limit it has.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::overrun::Attempt;
use crate::patience::Patience;
use crate::{Cancel, Class, Done, Error, ErrorKind, Result};

/// How long a cancelled step has to end.
const GRACE: Duration = Duration::from_millis(500);

/// A step that was begun and whose outcome is awaited.
pub(crate) struct Flight {
    step: &'static str,
    pub(crate) attempt: Arc<Attempt>,
    cancel: Option<Cancel>,
    cancelled: bool,
    slow_at: Option<Instant>,
    deadline: Instant,
}

impl Flight {
    /// Has `start` begin a step. Its outcome goes to `report` if somebody still waits, else to `late`.
    pub(crate) fn begin<C: Class, T>(
        entry: &Entry<C>,
        step: &'static str,
        limit: Duration,
        start: impl FnOnce(Done<T>) -> Result<Cancel>,
        report: impl FnOnce(Result<T>) + Send + 'static,
        late: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<Self> {
        let attempt = Attempt::new(&entry.overruns, limit);
        let slow_after = attempt.slow_after();
        let (began, done) = (Instant::now(), Arc::clone(&attempt));
        let outcome = move |result| if done.end() { report(result) } else { late(result) };
        let cancel = start(Box::new(outcome))?;
        Ok(Self {
            step,
            attempt,
            cancel: Some(cancel),
            cancelled: false,
            slow_at: Some(began + slow_after),
            deadline: began + limit,
        })
    }

    /// The same, with where the outcome comes in.
    pub(crate) fn awaited<C: Class, T: Send + 'static>(
        entry: &Entry<C>,
        step: &'static str,
        limit: Duration,
        start: impl FnOnce(Done<T>) -> Result<Cancel>,
        late: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<(Self, Receiver<Result<T>>)> {
        let (sender, receiver) = channel();
        let report = move |result| drop(sender.send(result));
        Ok((Self::begin(entry, step, limit, start, report, late)?, receiver))
    }

    /// Waits for the outcome as long as its limit says; an interruption of the wait is the error.
    pub(crate) fn wait<T>(
        &mut self,
        receiver: &Receiver<Result<T>>,
        patience: &mut Patience<'_>,
    ) -> Result<T> {
        loop {
            match patience.receive(receiver, self.next()) {
                Ok(Some(result)) => return self.conclude(result),
                Err(interrupted) if self.abandon() => return Err(interrupted),
                Ok(None) | Err(_) => {} // time to look at the clock, or it ended just now
            }
            if let Some(error) = self.look(Instant::now()) {
                return Err(error);
            }
        }
    }

    /// When it has to be looked at, if nothing comes before.
    pub(crate) fn next(&self) -> Instant {
        self.slow_at.map_or(self.deadline, |slow_at| slow_at.min(self.deadline))
    }

    /// It has to end by then, whatever its own limit is.
    pub(crate) fn end_by(&mut self, deadline: Instant) {
        self.deadline = self.deadline.min(deadline);
    }

    /// Looks at the clock: tells that it is slow, cancels it, and gives it up with an error.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Error> {
        if self.slow_at.is_some_and(|slow_at| now >= slow_at) {
            self.slow_at = None;
            self.attempt.tell_slow(self.step, None);
        }
        if now < self.deadline {
            return None;
        }
        if self.cancel.take().is_some_and(|cancel| cancel()) {
            self.cancelled = true;
            self.deadline = now + GRACE;
            return None;
        }
        self.attempt.give_up().then(|| self.timed_out(true))
    }

    /// Ends the wait now; `false` if the outcome is there.
    pub(crate) fn abandon(&mut self) -> bool {
        if let Some(cancel) = self.cancel.take() {
            cancel();
        }
        self.attempt.give_up()
    }

    /// What came of it: an outcome of a step that was cancelled says that its time was up.
    pub(crate) fn conclude<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            let cancelled = self.cancelled && error.kind() == ErrorKind::Interrupted;
            if cancelled { self.timed_out(false) } else { error }
        })
    }

    fn timed_out(&self, still_running: bool) -> Error {
        let what = format!("{} of plugin {:?}", self.step, self.attempt.plugin());
        self.attempt.timed_out(&what, still_running)
    }
}
