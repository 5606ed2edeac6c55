//! Whether a plugin is well: what it says of itself, or what became of its last calls.
//!
//! It asks and remembers; what follows from the answer while plugins are watched stands in
//! `patrol.rs`.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;

use crate::entry::Entry;
use crate::flight::Flight;
use crate::overrun::Attempt;
use crate::patience::Patience;
use crate::{Class, ErrorKind, Event, Host, Instance, PluginState, Result, Step};

/// An answer is as good as a new one for this long.
const FRESH: Duration = Duration::from_secs(1);
/// How long `health()` may take where actions have no limit.
const MAX_PROBE: Duration = Duration::from_secs(5);

/// Whether a plugin is well, else why it is not.
pub type Verdict = std::result::Result<(), String>;

/// What is known of one plugin's health. It is handed on when the plugin is restarted for it.
#[derive(Default)]
pub(crate) struct Health(pub(crate) Mutex<Record>);

#[derive(Default)]
pub(crate) struct Record {
    last: Option<(Instant, Verdict)>,
    asked: Option<Arc<Attempt>>,
    /// When it is asked again, and restarted, by the patrol.
    pub(crate) probe_at: Option<Instant>,
    pub(crate) restart_at: Option<Instant>,
    /// Since it was last well.
    pub(crate) restarts: u32,
}

impl Health {
    /// Forgets everything: the plugin has just been started.
    pub(crate) fn reset(&self) {
        *self.0.lock() = Record::default();
    }

    /// Why it is not well, by the last answer.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.0.lock().last.as_ref().and_then(|(_, verdict)| verdict.clone().err())
    }

    fn fresh(&self, now: Instant) -> Option<Verdict> {
        let record = self.0.lock();
        let (at, verdict) = record.last.as_ref()?;
        (now.saturating_duration_since(*at) < FRESH).then(|| verdict.clone())
    }

    fn still_asked(&self) -> bool {
        self.0.lock().asked.as_ref().is_some_and(|attempt| attempt.goes_on())
    }
}

/// How an answer comes: at once, or from another thread.
pub(crate) enum Asked<C: Class> {
    /// With whether there is anything that speaks for it.
    Known(Verdict, bool),
    Awaited(Probe<C>),
}

/// A `health()` that was begun on another thread.
pub(crate) struct Probe<C: Class> {
    pub(crate) entry: Arc<Entry<C>>,
    pub(crate) flight: Flight,
    receiver: Receiver<Result<()>>,
}

impl<C: Class> Probe<C> {
    /// The answer, if it is there or its time is up.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Verdict> {
        let result = match self.receiver.try_recv() {
            Ok(result) => self.flight.conclude(result),
            Err(_) => Err(self.flight.look(now)?),
        };
        Some(result.map_err(|error| error.message().to_owned()))
    }
}

impl<C: Class> Host<C> {
    /// Whether a plugin is well: its own `health()`, else its recent calls. One that is not running
    /// or wedged is not. An answer is used again for a second, unless `force` asks anew.
    ///
    /// # Errors
    /// `NotFound`, or an interruption of the wait. That the plugin fails is an answer.
    pub fn check_health(&self, plugin: &str, force: bool) -> Result<Verdict> {
        let entry = self.entry(plugin)?;
        let is_callable = entry.running().is_some() && entry.overruns.wedged().is_none();
        let known = entry.health.fresh(Instant::now()).filter(|_| is_callable && !force);
        if let Some(verdict) = known {
            return Ok(verdict);
        }
        let (verdict, is_proven) = match ask(&entry, || {}) {
            Asked::Known(verdict, is_proven) => (verdict, is_proven),
            Asked::Awaited(probe) => (self.await_answer(probe)?, true),
        };
        self.note_health(&entry, &verdict, is_proven, Instant::now());
        Ok(verdict)
    }

    fn await_answer(&self, mut probe: Probe<C>) -> Result<Verdict> {
        let mut patience = Patience::new(self.threads.as_ref());
        match probe.flight.wait(&probe.receiver, &mut patience) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            result => Ok(result.map_err(|error| error.message().to_owned())),
        }
    }

    /// Remembers an answer, and tells if it is another one than before.
    pub(crate) fn note_health(
        &self,
        entry: &Entry<C>,
        verdict: &Verdict,
        is_proven: bool,
        now: Instant,
    ) {
        if entry.state.get() != PluginState::Running {
            return;
        }
        let mut record = entry.health.0.lock();
        let before = record.last.replace((now, verdict.clone()));
        if verdict.is_ok() {
            record.restart_at = None;
            if is_proven {
                record.restarts = 0;
            }
        }
        drop(record);
        let (plugin, was_well) = (entry.name(), before.is_none_or(|(_, before)| before.is_ok()));
        match verdict {
            Err(reason) if was_well => {
                tracing::warn!(target: "zerepy_plugins.monitor", plugin, reason, "plugin unhealthy");
                self.tell_health(plugin, "unhealthy", Some(reason));
            }
            Ok(()) if !was_well => {
                tracing::info!(target: "zerepy_plugins.monitor", plugin, "plugin healthy again");
                self.tell_health(plugin, "healthy", None);
            }
            _ => {}
        }
    }

    pub(crate) fn tell_health(&self, plugin: &str, word: &str, reason: Option<&str>) {
        if self.watch.events.listening() {
            self.watch.events.publish(&Event {
                name: format!("plugin.{word}"),
                data: json!({ "plugin": plugin, "reason": reason }),
                source: "host".to_owned(),
            });
        }
    }
}

/// Asks a plugin; `wake` is called when an answer that is awaited has come.
pub(crate) fn ask<C: Class>(
    entry: &Arc<Entry<C>>,
    wake: impl FnOnce() + Send + 'static,
) -> Asked<C> {
    let known = |reason: &str| Asked::Known(Err(reason.to_owned()), true);
    let Some(instance) = entry.running() else { return known(entry.not_running().message()) };
    if let Some(wedged) = entry.overruns.wedged() {
        return known(wedged.message());
    }
    if !instance.tells_health() {
        return entry
            .usage
            .recent_verdict()
            .map_or(Asked::Known(Ok(()), false), |verdict| Asked::Known(verdict, true));
    }
    if entry.health.still_asked() {
        return known("health() has not ended since it was last asked");
    }
    let (sender, receiver) = channel();
    let report = move |result| {
        drop(sender.send(result));
        wake();
    };
    let limit = entry.limits.action.unwrap_or(MAX_PROBE);
    let begin = |done| instance.begin(Step::Health, done);
    match Flight::begin(entry, Step::Health.name(), limit, begin, report, drop) {
        Ok(flight) => {
            entry.health.0.lock().asked = Some(Arc::clone(&flight.attempt));
            Asked::Awaited(Probe { entry: Arc::clone(entry), flight, receiver })
        }
        Err(error) => known(error.message()),
    }
}
