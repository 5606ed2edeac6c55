//! Stopping plugins: the exact reverse of starting, always to the end.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::flight::Flight;
use crate::names::counted;
use crate::patience::Patience;
use crate::replace::Replaced;
use crate::{
    Class, Error, ErrorKind, Hook, Host, Instance, PluginState, Result, Stage, Step, graph,
};

/// How long a plugin's running calls are waited for before it is cleaned up.
const MAX_DRAIN: Duration = Duration::from_secs(5);
/// How long what is ended early may take after that.
const MAX_END: Duration = Duration::from_millis(500);
const DRAIN_POLL: Duration = Duration::from_millis(1);

/// How one stop goes on: it gets more urgent, never less.
pub(crate) struct Halt<'a> {
    patience: Patience<'a>,
    deadline: Option<Instant>,
    drain: Duration,
    force: bool,
    pub(crate) interrupted: Option<Error>,
}

impl<C: Class> Host<C> {
    /// Stops one plugin and what depends on it, or all; returns the names stopped, in order.
    ///
    /// Everything is cleaned up whatever fails; then all errors are reported as one. A plugin that
    /// failed to clean up is failed, keeps its instance and can be stopped again; with `force` the
    /// instance is dropped all the same, and errors are only logged. What was to be tried again is
    /// not. An interruption ends the wait for running calls, and passes in the end; a second one
    /// ends all waiting.
    pub fn stop(&self, only: Option<&str>, force: bool) -> Result<Vec<String>> {
        let _turn = self.take_turn("stop_plugins")?;
        let wanted = only.map(|name| self.entry(name)).transpose()?;
        self.stop_in_turn(wanted.as_deref(), force)
    }

    /// Stops everything by force, without waiting for running calls, and is done after that long.
    pub fn stop_at_exit(&self, limit: Duration) -> Result<Vec<String>> {
        let deadline = Some(Instant::now() + limit);
        let _turn = self.turn.take_within("stop_plugins", self.threads.as_ref(), limit)?;
        let halt = Halt { deadline, drain: Duration::ZERO, force: true, ..self.halt() };
        self.stop_by(None, halt)
    }

    /// Stops for somebody who has the turn.
    pub(crate) fn stop_in_turn(
        &self,
        wanted: Option<&Entry<C>>,
        force: bool,
    ) -> Result<Vec<String>> {
        let deadline = self.limits.stop.map(|limit| Instant::now() + limit);
        self.stop_by(wanted, Halt { deadline, force, ..self.halt() })
    }

    /// A stop without hurry.
    pub(crate) fn halt(&self) -> Halt<'_> {
        let patience = Patience::new(self.threads.as_ref());
        Halt { patience, deadline: None, drain: MAX_DRAIN, force: false, interrupted: None }
    }

    fn stop_by(&self, wanted: Option<&Entry<C>>, mut halt: Halt<'_>) -> Result<Vec<String>> {
        self.stop_retrying(wanted);
        let (mut names, mut errors) = (Vec::new(), Vec::new());
        for entry in self.to_stop(wanted) {
            match self.stop_one(&entry, &mut halt) {
                Ok(()) => names.push(entry.name().to_owned()),
                Err(error) => errors.push(error),
            }
            errors.extend(self.stop_replaced(entry.name(), &mut halt));
        }
        errors.extend(halt.interrupted);
        let joined = Error::join(ErrorKind::Cleanup, "some plugins failed to clean up", errors);
        joined.map_or(Ok(names), Err)
    }

    /// Lets go of what was to be tried again, or was waiting for such a one.
    fn stop_retrying(&self, wanted: Option<&Entry<C>>) {
        let entries = self.entries.load_full();
        let nodes: Vec<_> = entries.values().map(|entry| entry.as_node()).collect();
        let dependents = wanted.map(|wanted| graph::dependents(&nodes, wanted.name()));
        for entry in entries.values() {
            let name = entry.name();
            let concerned = wanted.is_none_or(|wanted| wanted.name() == name)
                || dependents.iter().flatten().any(|dependent| dependent == name);
            if concerned && entry.want_no_more() {
                let _ = self.move_to(entry, PluginState::Stopped); // it may: it is retrying
            }
        }
        self.supervisor.look();
    }

    /// The started plugins in reverse, or those of them that are `wanted` or depend on it.
    fn to_stop(&self, wanted: Option<&Entry<C>>) -> Vec<Arc<Entry<C>>> {
        let started = self.started.lock().clone();
        let nodes: Vec<_> = started.iter().map(|entry| entry.as_node()).collect();
        let dependents = wanted.map(|wanted| graph::dependents(&nodes, wanted.name()));
        let is_wanted = |entry: &&Arc<Entry<C>>| match (wanted, &dependents) {
            (Some(wanted), Some(dependents)) => {
                wanted.name() == entry.name() || dependents.iter().any(|name| name == entry.name())
            }
            _ => true,
        };
        started.iter().rev().filter(is_wanted).map(Arc::clone).collect()
    }

    fn stop_one(&self, entry: &Arc<Entry<C>>, halt: &mut Halt<'_>) -> Result<()> {
        let Some(instance) = entry.instance.load_full() else { return Ok(()) };
        let goes_on = entry.given_up.lock().as_ref().is_some_and(|attempt| attempt.goes_on());
        if goes_on && !halt.force {
            return Err(still_cleaning(entry.name()));
        }
        self.move_to(entry, PluginState::Stopping)?;
        let was_idle = goes_on || halt.drain(entry, instance.as_ref());
        let mut errors = Vec::new();
        if goes_on {
            errors.push(still_cleaning(entry.name()));
        } else if halt.is_over() {
            errors.push(no_time(entry.name()));
        } else {
            let wait = |flight, receiver: &_| halt.wait(flight, receiver);
            errors.extend(self.remember(entry, &instance, wait).err());
            errors.extend(self.take_down(entry, &instance, halt));
        }
        let headline = format!("plugin {:?} failed to clean up", entry.name());
        let error = Error::join(ErrorKind::Cleanup, &headline, errors);
        let error = error.map(|error| as_cleanup_error(&headline, error));
        if let Some(error) = error.as_ref().filter(|_| !halt.force) {
            let failure = entry.fail(Stage::Cleanup, error.clone());
            let error = failure.error.clone();
            self.fail(entry, failure, PluginState::Failed);
            return Err(error);
        }
        entry.instance.store(None);
        *entry.given_up.lock() = None;
        self.started.lock().retain(|other| !Arc::ptr_eq(other, entry));
        self.move_to(entry, PluginState::Stopped)?;
        // At the end of the process, calls that go on are no news, nor is what they stand in the way of.
        let error = error.filter(|_| was_idle || !halt.drain.is_zero());
        error.map_or(Ok(()), |error| forced(entry.name(), error))
    }

    /// Ends what a plugin replaced and what has not ended yet; it is let go of whatever fails.
    fn stop_replaced(&self, plugin: &str, halt: &mut Halt<'_>) -> Vec<Error> {
        let mut errors = Vec::new();
        for Replaced { entry, instance, .. } in self.take_replaced(plugin) {
            halt.drain(&entry, instance.as_ref());
            if halt.is_over() {
                errors.push(no_time(plugin));
            } else {
                errors.extend(self.take_down(&entry, &instance, halt));
            }
        }
        let headline = format!("what plugin {plugin:?} replaced failed to clean up");
        errors.retain(|error| !halt.force || error.kind() == ErrorKind::Interrupted);
        errors.into_iter().map(|error| as_cleanup_error(&headline, error)).collect()
    }

    /// Cleans an instance up, with all that belongs to it, and returns the errors.
    pub(crate) fn take_down(
        &self,
        entry: &Entry<C>,
        instance: &Arc<C::Instance>,
        halt: &mut Halt<'_>,
    ) -> Vec<Error> {
        let mut errors = self.hooks.run(Hook::PreCleanup, instance.as_ref(), None).errors;
        let cleanup = match entry.limits_of(instance).cleanup {
            None => instance.cleanup(),
            Some(limit) => halt.clean_up(entry, instance, limit),
        }
        .err();
        let released = instance.release();
        let post = self.hooks.run(Hook::PostCleanup, instance.as_ref(), cleanup.as_ref());
        errors.extend(cleanup);
        errors.extend(released);
        errors.extend(post.errors);
        errors
    }
}

impl Halt<'_> {
    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The user wants out: the first time running calls are not waited for any more, the second
    /// time nothing is.
    fn note(&mut self, interrupted: Error) {
        if self.interrupted.is_some() {
            self.force = true;
            self.deadline = Some(Instant::now());
        }
        self.interrupted.get_or_insert(interrupted);
    }

    /// Waits for running calls to end; new ones are refused by the state. What takes too long is
    /// ended early, as far as it can be. Whether all have ended.
    fn drain<C: Class>(&mut self, entry: &Entry<C>, instance: &C::Instance) -> bool {
        if self.wait_for_calls(entry, instance) {
            return true;
        }
        if !instance.is_busy() {
            return false;
        }
        instance.end_early();
        let deadline = Instant::now() + MAX_END;
        while instance.is_busy() && Instant::now() < deadline && !self.is_over() {
            if let Err(interrupted) = self.patience.sleep(DRAIN_POLL) {
                self.note(interrupted);
            }
        }
        !instance.is_busy()
    }

    fn wait_for_calls<C: Class>(&mut self, entry: &Entry<C>, instance: &C::Instance) -> bool {
        let deadline = Instant::now() + self.drain;
        let is_busy =
            || entry.usage.in_flight() > 0 || instance.is_busy() || entry.overruns.count() > 0;
        let mut wait = !self.drain.is_zero();
        while is_busy() {
            if !wait || self.is_over() || self.interrupted.is_some() {
                return false;
            }
            wait = Instant::now() < deadline && entry.overruns.wedged().is_none();
            if !wait {
                warn_of_calls(entry);
            } else if let Err(interrupted) = self.patience.sleep(DRAIN_POLL) {
                self.note(interrupted);
            }
        }
        true
    }

    /// Runs `cleanup` on another thread, and waits for it as long as there is time.
    fn clean_up<C: Class>(
        &mut self,
        entry: &Entry<C>,
        instance: &Arc<C::Instance>,
        limit: Duration,
    ) -> Result<()> {
        let plugin = entry.name().to_owned();
        let late = move |result: Result<()>| {
            let error = result.err();
            tracing::debug!(
                target: "zerepy_plugins.lifecycle", plugin, error = ?error, "a late cleanup ended"
            );
        };
        let begin = |done| instance.begin(Step::Cleanup, done);
        let (flight, receiver) = Flight::awaited(entry, Step::Cleanup.name(), limit, begin, late)?;
        *entry.given_up.lock() = Some(Arc::clone(&flight.attempt));
        self.wait(flight, &receiver)
    }

    /// Waits for a step as long as there is time, whatever the user wants meanwhile.
    fn wait<T>(&mut self, mut flight: Flight, receiver: &Receiver<Result<T>>) -> Result<T> {
        loop {
            if let Some(deadline) = self.deadline {
                flight.end_by(deadline);
            }
            match self.patience.receive(receiver, flight.next()) {
                Ok(Some(result)) => return flight.conclude(result),
                Ok(None) => {}
                Err(interrupted) => self.note(interrupted),
            }
            if let Some(error) = flight.look(Instant::now()) {
                return Err(error);
            }
        }
    }
}

/// Names the calls that go on under a cleanup; open streams that nobody reads are none.
fn warn_of_calls<C: Class>(entry: &Entry<C>) {
    let (plugin, past_limit) = (entry.name(), entry.overruns.count());
    let calls = usize::try_from(entry.usage.in_flight()).unwrap_or(usize::MAX);
    let all = counted(calls.saturating_add(past_limit), "call");
    if calls > 0 || past_limit > 0 {
        tracing::warn!(
            target: "zerepy_plugins.lifecycle", plugin, calls, past_limit,
            "{all} of plugin {plugin:?} still running: cleaning up all the same"
        );
    }
}

fn no_time(plugin: &str) -> Error {
    let message = format!("plugin {plugin:?} was not cleaned up: no time was left");
    Error::new(ErrorKind::Cleanup, message).with_hint("Stop it again")
}

fn still_cleaning(plugin: &str) -> Error {
    let message =
        format!("cleanup of plugin {plugin:?} is still running since it was last stopped");
    Error::new(ErrorKind::Cleanup, message)
        .with_plugin(plugin)
        .with_hint("Wait until it ends, or drop the plugin: stop it with force")
}

/// Whatever went wrong, whoever stops plugins gets a cleanup error; an interruption passes.
fn as_cleanup_error(headline: &str, error: Error) -> Error {
    if matches!(error.kind(), ErrorKind::Cleanup | ErrorKind::Interrupted) {
        return error;
    }
    Error::new(ErrorKind::Cleanup, format!("{headline}: {}", error.message())).with_source(error)
}

/// What is left of a failed cleanup whose plugin was dropped by force: an interruption passes.
fn forced(plugin: &str, error: Error) -> Result<()> {
    if error.kind() == ErrorKind::Interrupted {
        return Err(error);
    }
    tracing::warn!(target: "zerepy_plugins.lifecycle", plugin, %error, "dropped by force");
    Ok(())
}
