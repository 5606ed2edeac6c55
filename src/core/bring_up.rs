//! Bringing one plugin up, step by step: creating, hooks, `initialize`, what it remembers.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

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
}

impl<C: Class> Host<C> {
    /// Creates and initializes an instance, and waits for it. After a failure nothing of it is left.
    pub(crate) fn bring_up(
        &self,
        entry: &Arc<Entry<C>>,
        snapshot: Option<Snapshot>,
    ) -> Result<Arc<C::Instance>> {
        let mut rising = self.create(entry, snapshot)?;
        let (result, given_up) = match (self.allow(&mut rising), entry.limits.initialize) {
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
        Ok(Rising { entry: Arc::clone(entry), instance, snapshot, problems: Vec::new() })
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
        given_up: bool,
    ) -> Result<()> {
        let mut errors = std::mem::take(&mut rising.problems);
        let (instance, initialized) = (rising.instance.as_ref(), matches!(result, Some(Ok(()))));
        errors.extend(result.and_then(Result::err));
        if let Some(snapshot) = rising.snapshot.as_ref().filter(|_| initialized) {
            errors.extend(instance.load_state(snapshot).err());
        }
        errors.extend(self.hooks.run(Hook::PostInitialize, instance, errors.first()).errors);
        if initialized && !errors.is_empty() {
            errors.extend(instance.cleanup().err()); // it is not wanted any more
        }
        let outcome = rising.join(errors);
        if outcome.is_ok() || given_up {
            return outcome;
        }
        log_others(rising.entry.name(), instance.release()).map_or(outcome, Err)
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
        Flight::begin(&self.entry, Step::Initialize.name(), limit, begin, report, undo)
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
