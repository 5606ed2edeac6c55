//! A step of a plugin's life on another thread, and the limit it has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::overrun::Attempt;
use crate::{Cancel, Class, Error, ErrorKind, Instance, Result, Step};

/// How long a cancelled step has to end.
const GRACE: Duration = Duration::from_millis(500);

/// A step that was begun and whose outcome is awaited.
pub(crate) struct Flight {
    step: Step,
    pub(crate) attempt: Arc<Attempt>,
    cancel: Option<Cancel>,
    cancelled: bool,
    slow_at: Option<Instant>,
    deadline: Instant,
}

impl Flight {
    /// Begins a step. Its outcome goes to `report` if somebody still waits, else to `late`.
    pub(crate) fn begin<C: Class>(
        entry: &Entry<C>,
        instance: &C::Instance,
        step: Step,
        limit: Duration,
        report: impl FnOnce(Result<()>) + Send + 'static,
        late: impl FnOnce(Result<()>) + Send + 'static,
    ) -> Result<Self> {
        let attempt = Attempt::new(&entry.overruns, limit);
        let slow_after = attempt.slow_after();
        let (began, done) = (Instant::now(), Arc::clone(&attempt));
        let outcome = move |result| if done.end() { report(result) } else { late(result) };
        let cancel = instance.begin(step, Box::new(outcome))?;
        Ok(Self {
            step,
            attempt,
            cancel: Some(cancel),
            cancelled: false,
            slow_at: Some(began + slow_after),
            deadline: began + limit,
        })
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
            self.attempt.tell_slow(self.step.name(), None);
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
    pub(crate) fn conclude(&self, result: Result<()>) -> Result<()> {
        result.map_err(|error| {
            let cancelled = self.cancelled && error.kind() == ErrorKind::Interrupted;
            if cancelled { self.timed_out(false) } else { error }
        })
    }

    fn timed_out(&self, still_running: bool) -> Error {
        let what = format!("{} of plugin {:?}", self.step.name(), self.attempt.plugin());
        self.attempt.timed_out(&what, still_running)
    }
}
