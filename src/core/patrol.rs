//! Watching over running plugins: asking them how they are, and restarting those that are not well.
//!
//! Done by the supervisor's thread. Answers come from other threads, so that a plugin that hangs
//! holds nobody up.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::health::{Asked, Verdict, ask};
use crate::names::counted;
use crate::retry::{BUSY, random, wait_after};
use crate::{Class, Environment, Error, ErrorKind, Host, PluginState, Result, Stage};

/// How long calls of an unhealthy plugin may run on when its successor has taken over.
const MAX_OVERLAP: Duration = Duration::from_secs(5);

/// How running plugins are watched over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Supervision {
    /// The time between two questions to a plugin; `None`: they are not asked.
    pub interval: Option<Duration>,
    /// After so many restarts without a good answer in between, a plugin is stopped.
    pub max_restarts: u32,
}

impl<C: Class> Host<C> {
    /// Has the patrol come by, if there is one: a plugin was started.
    pub(crate) fn call_patrol(&self) {
        if let Some(interval) = self.supervision.interval {
            self.supervise(Instant::now() + interval);
        }
    }

    /// Asks and restarts whatever is due by now; returns when something is due next.
    pub(crate) fn patrol(&self, now: Instant) -> Option<Instant> {
        let interval = self.supervision.interval?;
        self.take_answers(now);
        for entry in self.watched() {
            if self.is_due_for_probe(&entry, now, interval) {
                self.probe(&entry, now);
            }
        }
        for entry in self.watched() {
            let due = entry.health.0.lock().restart_at;
            if due.is_some_and(|due| due <= now) {
                self.restart(&entry, now);
            }
        }
        self.next_round()
    }

    fn watched(&self) -> Vec<Arc<Entry<C>>> {
        let entries = self.entries.load();
        let running = entries.values().filter(|entry| entry.state.get() == PluginState::Running);
        running.map(Arc::clone).collect()
    }

    fn is_watched(&self, entry: &Arc<Entry<C>>) -> bool {
        let entries = self.entries.load();
        let is_current = entries.get(entry.name()).is_some_and(|it| Arc::ptr_eq(it, entry));
        is_current && entry.state.get() == PluginState::Running
    }

    /// Takes the answers that have come, and gives up questions whose time is up or whose plugin was
    /// stopped or replaced.
    fn take_answers(&self, now: Instant) {
        let mut probes = std::mem::take(&mut *self.probes.lock());
        let mut answered = Vec::new();
        probes.retain_mut(|probe| match probe.look(now) {
            None if !self.is_watched(&probe.entry) => {
                probe.flight.abandon();
                false
            }
            Some(verdict) => {
                answered.push((Arc::clone(&probe.entry), verdict));
                false
            }
            None => true,
        });
        self.probes.lock().append(&mut probes);
        for (entry, verdict) in answered {
            self.conclude(&entry, &verdict, true, now);
        }
    }

    fn is_due_for_probe(&self, entry: &Arc<Entry<C>>, now: Instant, interval: Duration) -> bool {
        if self.is_probed(entry) {
            return false;
        }
        let mut record = entry.health.0.lock();
        let due = *record.probe_at.get_or_insert(now + interval) <= now;
        if due {
            record.probe_at = Some(now + interval);
        }
        due
    }

    fn is_probed(&self, entry: &Arc<Entry<C>>) -> bool {
        self.probes.lock().iter().any(|probe| Arc::ptr_eq(&probe.entry, entry))
    }

    fn probe(&self, entry: &Arc<Entry<C>>, now: Instant) {
        let host = Weak::clone(&self.me);
        let wake = move || {
            if let Some(host) = host.upgrade() {
                host.supervise(Instant::now());
            }
        };
        match ask(entry, wake) {
            Asked::Known(verdict, is_proven) => self.conclude(entry, &verdict, is_proven, now),
            Asked::Awaited(probe) => self.probes.lock().push(probe),
        }
    }

    /// Remembers an answer; a bad one is followed by a restart, or by the end.
    fn conclude(&self, entry: &Arc<Entry<C>>, verdict: &Verdict, is_proven: bool, now: Instant) {
        if !self.is_watched(entry) {
            return; // it was stopped or replaced while it was asked
        }
        self.note_health(entry, verdict, is_proven, now);
        let Err(reason) = verdict else { return };
        let mut record = entry.health.0.lock();
        if record.restarts >= self.supervision.max_restarts {
            drop(record);
            self.give_up(entry, reason);
        } else if record.restart_at.is_none() {
            let wait = record.restarts.checked_sub(1);
            let wait = wait.map_or(Duration::ZERO, |tries| wait_after(tries, None, random()));
            record.restart_at = Some(now + wait);
        }
    }

    /// Replaces an unhealthy plugin by a new instance; if that does not come up, it stays.
    fn restart(&self, entry: &Arc<Entry<C>>, now: Instant) {
        let Ok(turn) = self.take_turn("the restart of an unhealthy plugin") else {
            entry.health.0.lock().restart_at = Some(now + BUSY);
            return;
        };
        if !self.is_watched(entry) {
            return;
        }
        let mut record = entry.health.0.lock();
        record.restart_at = None;
        record.restarts += 1;
        drop(record);
        let (plugin, reason) = (entry.name(), entry.health.complaint());
        let outcome = self.renew(entry);
        drop(turn); // whoever hears of it may stop plugins
        match outcome {
            Ok(()) => {
                tracing::warn!(target: "zerepy_plugins.lifecycle", plugin, reason, "plugin restarted");
                self.tell_health(plugin, "restarted", reason.as_deref());
            }
            Err(error) => tracing::error!(
                target: "zerepy_plugins.lifecycle", plugin, %error,
                "an unhealthy plugin could not be restarted: the old one stays"
            ),
        }
    }

    fn renew(&self, entry: &Arc<Entry<C>>) -> Result<()> {
        let (settings, environment) = (self.settings.load_full(), Environment::of_process());
        let mut fresh = self.enroll(&entry.registered, &settings, &environment);
        fresh.usable_config()?;
        fresh.health = Arc::clone(&entry.health);
        self.replace(entry, fresh, MAX_OVERLAP)?;
        let _ = self.see_off(Some(entry.name())); // nobody interrupts this thread
        entry.usage.recent.forget();
        Ok(())
    }

    /// Stops a plugin that restarts do not help, and what depends on it.
    fn give_up(&self, entry: &Arc<Entry<C>>, reason: &str) {
        let Ok(_turn) = self.take_turn("the stop of an unhealthy plugin") else {
            return; // the next answer leads here again
        };
        if !self.is_watched(entry) {
            return;
        }
        let (name, restarts) = (entry.name(), self.supervision.max_restarts);
        let stopped = self.stop_in_turn(Some(entry), true).unwrap_or_else(|error| {
            tracing::error!(target: "zerepy_plugins.lifecycle", plugin = name, %error, "stopping");
            Vec::new()
        });
        let message = format!(
            "plugin {name:?} was stopped: still unhealthy after {}: {reason}",
            counted(restarts as usize, "restart")
        );
        let hint =
            format!("Mend it, then start it with start_plugins({name:?}) or reload({name:?})");
        let error = Error::new(ErrorKind::Execution, message).with_hint(hint);
        self.fail(entry, entry.fail(Stage::Health, error.clone()), PluginState::Failed);
        let entries = self.entries.load_full();
        let dependents = stopped.iter().filter(|other| *other != name);
        for dependent in dependents.filter_map(|other| entries.get(other)) {
            let message = format!("{:?} needs {name:?}: {}", dependent.name(), error.message());
            let error = Error::new(ErrorKind::Dependency, message)
                .with_hint("start_plugins() starts both, once that one is mended");
            self.fail(dependent, dependent.fail(Stage::Health, error), PluginState::Skipped);
        }
    }

    fn next_round(&self) -> Option<Instant> {
        let probes = self.probes.lock().iter().map(|it| it.flight.next()).collect::<Vec<_>>();
        let due = |entry: Arc<Entry<C>>| {
            let is_probed = self.is_probed(&entry);
            let record = entry.health.0.lock();
            let probe_at = record.probe_at.filter(|_| !is_probed);
            probe_at.into_iter().chain(record.restart_at).min()
        };
        self.watched().into_iter().filter_map(due).chain(probes).min()
    }
}
