//! Stopping plugins: the exact reverse of starting, always to the end.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::{Class, Error, ErrorKind, Hook, Host, Instance, PluginState, Result, Stage, graph};

/// How long a plugin's running calls are waited for before it is cleaned up.
const MAX_DRAIN: Duration = Duration::from_secs(5);
/// How long what is ended early may take after that.
const MAX_END: Duration = Duration::from_millis(500);
const DRAIN_POLL: Duration = Duration::from_millis(1);

impl<C: Class> Host<C> {
    /// Stops one plugin and what depends on it, or all; returns the names stopped, in order.
    ///
    /// Everything is cleaned up whatever fails; then all errors are reported as one. A plugin that
    /// failed to clean up is failed, keeps its instance and can be stopped again; with `force` the
    /// instance is dropped all the same, and errors are only logged.
    pub fn stop(&self, only: Option<&str>, force: bool) -> Result<Vec<String>> {
        let _turn = self.turn.take("stop_plugins")?;
        let wanted = only.map(|name| self.entry(name)).transpose()?;
        self.stop_in_turn(wanted.as_deref(), force)
    }

    /// Stops for somebody who has the turn.
    pub(crate) fn stop_in_turn(
        &self,
        wanted: Option<&Entry<C>>,
        force: bool,
    ) -> Result<Vec<String>> {
        let (mut names, mut errors) = (Vec::new(), Vec::new());
        for entry in self.to_stop(wanted) {
            match self.stop_one(&entry, force) {
                Ok(()) => names.push(entry.name().to_owned()),
                Err(error) => errors.push(error),
            }
        }
        let joined = Error::join(ErrorKind::Cleanup, "some plugins failed to clean up", errors);
        joined.map_or(Ok(names), Err)
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

    fn stop_one(&self, entry: &Arc<Entry<C>>, force: bool) -> Result<()> {
        let Some(instance) = entry.instance.load_full() else { return Ok(()) };
        self.move_to(entry, PluginState::Stopping)?;
        drain(entry, instance.as_ref());
        let mut errors: Vec<_> = self.remember(entry, &instance).err().into_iter().collect();
        errors.extend(self.take_down(&instance));
        let headline = format!("plugin {:?} failed to clean up", entry.name());
        let error = Error::join(ErrorKind::Cleanup, &headline, errors);
        let error = error.map(|error| as_cleanup_error(&headline, error));
        if let Some(error) = error.as_ref().filter(|_| !force) {
            let failure = entry.fail(Stage::Cleanup, error.clone());
            let error = failure.error.clone();
            self.fail(entry, failure, PluginState::Failed);
            return Err(error);
        }
        entry.instance.store(None);
        self.started.lock().retain(|other| !Arc::ptr_eq(other, entry));
        self.move_to(entry, PluginState::Stopped)?;
        error.map_or(Ok(()), |error| forced(entry.name(), error))
    }

    pub(crate) fn take_down(&self, instance: &C::Instance) -> Vec<Error> {
        let mut errors = self.hooks.run(Hook::PreCleanup, instance, None).errors;
        let cleanup = instance.cleanup().err();
        let released = instance.release();
        let post = self.hooks.run(Hook::PostCleanup, instance, cleanup.as_ref());
        errors.extend(cleanup);
        errors.extend(released);
        errors.extend(post.errors);
        errors
    }
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

/// Waits for running calls to end; new ones are refused by the state. What takes too long is ended
/// early, as far as it can be.
fn drain<C: Class>(entry: &Entry<C>, instance: &C::Instance) {
    let deadline = Instant::now() + MAX_DRAIN;
    while entry.usage.in_flight() > 0 || instance.is_busy() {
        if Instant::now() >= deadline {
            let (plugin, calls) = (entry.name(), entry.usage.in_flight());
            tracing::warn!(
                target: "zerepy_plugins.lifecycle", plugin, calls,
                "still running after {} s: cleaning up all the same", MAX_DRAIN.as_secs()
            );
            break;
        }
        thread::sleep(DRAIN_POLL);
    }
    if !instance.is_busy() {
        return;
    }
    instance.end_early();
    let deadline = Instant::now() + MAX_END;
    while instance.is_busy() && Instant::now() < deadline {
        thread::sleep(DRAIN_POLL);
    }
}
