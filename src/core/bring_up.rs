//! Bringing one plugin up, step by step: creating, hooks, `initialize`, what it remembers.

use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::flight::Flight;
use crate::patience::Patience;
use crate::start::log_others;
use crate::{Class, Error, ErrorKind, Hook, Host, Instance, Result, Snapshot, Step};

/// A plugin on its way up.
pub(crate) struct Rising<C: Class> {
    pub(crate) entry: Arc<Entry<C>>,
    pub(crate) instance: Arc<C::Instance>,
    /// What it saved in an earlier life.
    pub(crate) snapshot: Option<Snapshot>,
    /// What hooks that ran before it had to report.
    problems: Vec<Error>,
    /// How long `initialize` took, on another thread.
    took: Arc<OnceLock<Duration>>,
}

impl<C: Class> Host<C> {
    /// Creates and initializes an instance, and waits for it. After a failure nothing of it is left.
    pub(crate) fn bring_up(
        &self,
        entry: &Arc<Entry<C>>,
        snapshot: Option<Snapshot>,
    ) -> Result<Arc<C::Instance>> {
        let mut rising = self.create(entry, snapshot)?;
        let (result, given_up) =
            match (self.allow(&mut rising), entry.limits_of(&rising.instance).initialize) {
                (false, _) => (None, false),
                (true, None) => (Some(rising.instance.initialize()), false),
                (true, Some(limit)) => self.initialize_alone(&rising, limit),
            };
        let instance = Arc::clone(&rising.instance);
        self.finish(rising, result, given_up).map(|()| instance)
    }

    /// Makes an instance.
    pub(crate) fn create(
        &self,
        entry: &Arc<Entry<C>>,
        snapshot: Option<Snapshot>,
    ) -> Result<Rising<C>> {
        let instance = Arc::new(entry.registered.class.create(entry.usable_config()?)?);
        instance.attach(&self.environment, entry.name())?;
        let (problems, took) = (Vec::new(), Arc::default());
        Ok(Rising { entry: Arc::clone(entry), instance, snapshot, problems, took })
    }

    /// Runs the hooks before `initialize`; `false` if they keep the plugin from starting.
    pub(crate) fn allow(&self, rising: &mut Rising<C>) -> bool {
        let ran = self.hooks.run(Hook::PreInitialize, rising.instance.as_ref(), None);
        rising.problems = ran.errors;
        !ran.stopped
    }

    /// What comes after `initialize`, whose result it was, if it was called. After a failure, what it had is released;
    /// what was given up is undone when it ends.
    pub(crate) fn finish(
        &self,
        mut rising: Rising<C>,
        result: Option<Result<()>>,
        mut given_up: bool,
    ) -> Result<()> {
        let mut errors = std::mem::take(&mut rising.problems);
        let (instance, initialized) = (rising.instance.as_ref(), matches!(result, Some(Ok(()))));
        errors.extend(result.and_then(Result::err));
        if let Some(snapshot) = rising.snapshot.as_ref().filter(|_| initialized) {
            let loaded = self.load_state(&rising, snapshot);
            given_up = loaded.1;
            errors.extend(loaded.0.err());
        }
        errors.extend(self.hooks.run(Hook::PostInitialize, instance, errors.first()).errors);
        if initialized && !errors.is_empty() && !given_up {
            errors.extend(instance.cleanup().err()); // it is not wanted any more
        }
        let outcome = rising.join(errors);
        if outcome.is_ok() || given_up {
            return outcome;
        }
        log_others(rising.entry.name(), instance.release()).map_or(outcome, Err)
    }

    /// Has an instance take up what it remembers, in what `initialize` left of its time; with whether
    /// it was given up.
    fn load_state(&self, rising: &Rising<C>, snapshot: &Snapshot) -> (Result<()>, bool) {
        let (entry, instance) = (&rising.entry, &rising.instance);
        let Some(limit) = entry.limits_of(instance).initialize else {
            return (instance.load_state(snapshot), false);
        };
        let begin = |done| instance.begin_load(snapshot, done);
        let (name, late) = (entry.name().to_owned(), Arc::clone(instance));
        let undo = move |_: Result<()>| undo_late(&name, &late, true);
        let deadline = Instant::now() + limit.saturating_sub(rising.took());
        let under_way = Flight::awaited(entry, "load_state", limit, begin, undo);
        let (mut flight, receiver) = match under_way {
            Ok(under_way) => under_way,
            Err(error) => return (Err(error), false),
        };
        flight.end_by(deadline);
        let result = flight.wait(&receiver, &mut Patience::new(self.threads.as_ref()));
        (result, flight.attempt.goes_on())
    }

    /// Runs `initialize` on another thread and waits for it; with whether it was given up.
    fn initialize_alone(&self, rising: &Rising<C>, limit: Duration) -> (Option<Result<()>>, bool) {
        let (sender, receiver) = channel();
        let mut flight = match rising.fly(limit, move |result| drop(sender.send(result))) {
            Ok(flight) => flight,
            Err(error) => return (Some(Err(error)), false),
        };
        let result = flight.wait(&receiver, &mut Patience::new(self.threads.as_ref()));
        (Some(result), flight.attempt.goes_on())
    }
}

impl<C: Class> Rising<C> {
    /// Begins `initialize` on another thread; if nobody waits when it ends, it is undone.
    pub(crate) fn fly(
        &self,
        limit: Duration,
        report: impl FnOnce(Result<()>) + Send + 'static,
    ) -> Result<Flight> {
        let (name, late) = (self.entry.name().to_owned(), Arc::clone(&self.instance));
        let undo = move |result: Result<()>| undo_late(&name, &late, result.is_ok());
        let begin = |done| self.instance.begin(Step::Initialize, done);
        let (since, took) = (Instant::now(), Arc::clone(&self.took));
        let report = move |result| {
            let _ = took.set(since.elapsed()); // it is told once
            report(result);
        };
        Flight::begin(&self.entry, Step::Initialize.name(), limit, begin, report, undo)
    }

    fn took(&self) -> Duration {
        self.took.get().copied().unwrap_or_default()
    }

    fn join(&self, errors: Vec<Error>) -> Result<()> {
        let headline = format!("plugin {:?} could not be started", self.entry.name());
        Error::join(ErrorKind::Execution, &headline, errors).map_or(Ok(()), Err)
    }
}

/// What an `initialize` did that nobody waited for any more is undone, on other threads.
fn undo_late<I: Instance>(name: &str, instance: &Arc<I>, initialized: bool) {
    let (plugin, released) = (name.to_owned(), Arc::clone(instance));
    let release = move |result: Result<()>| {
        let errors = result.err().into_iter().chain(released.release());
        log_others(&plugin, errors.collect()); // nobody waits: there is nobody to interrupt
    };
    tracing::debug!(target: "zerepy_plugins.lifecycle", plugin = name, "a late initialize is undone");
    if initialized {
        if let Err(error) = instance.begin(Step::Cleanup, Box::new(release)) {
            log_others(name, vec![error]);
        }
    } else {
        release(Ok(()));
    }
}
