//! Work that goes on after its limit: it is counted, and if it piles up or does not end, the plugin
//! is wedged: it takes no calls until all of it has ended.
//!
//! Ending may be told by threads that must not touch Python, so only giving up and asking publish.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;

use crate::call::Watch;
use crate::names::counted;
use crate::{Error, ErrorKind, Event, Usage};

/// So much work may go on after its limit before the plugin is wedged.
const MAX_OPEN: usize = 4;
/// A plugin is wedged when work goes on for twice its limit longer, but no less than this.
const MIN_GRACE: Duration = Duration::from_secs(5);
/// Work is told of as slow at half its limit, or after this long.
const SLOW: Duration = Duration::from_secs(10);

/// One plugin's work that goes on after its limit. Safe to share.
pub(crate) struct Overruns {
    plugin: String,
    usage: Arc<Usage>,
    watch: Arc<Watch>,
    quiet: AtomicBool, // neither open work nor wedged: read by every call
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    open: Vec<Overrun>,
    next: u64,
    wedged: bool,
}

struct Overrun {
    number: u64,
    since: Instant,
    grace: Duration,
}

impl Overruns {
    pub(crate) fn new(plugin: &str, usage: &Arc<Usage>, watch: &Arc<Watch>) -> Self {
        let (usage, watch) = (Arc::clone(usage), Arc::clone(watch));
        let (quiet, ledger) = (AtomicBool::new(true), Mutex::default());
        Self { plugin: plugin.to_owned(), usage, watch, quiet, ledger }
    }

    /// A new instance starts: what goes on in an older one does not concern it.
    pub(crate) fn forget(&self) {
        let mut ledger = self.ledger.lock();
        (ledger.open, ledger.wedged) = (Vec::new(), false);
        self.quiet.store(true, Ordering::SeqCst);
    }

    /// How much work goes on that nobody waits for.
    pub(crate) fn count(&self) -> usize {
        if self.quiet.load(Ordering::SeqCst) { 0 } else { self.ledger.lock().open.len() }
    }

    /// Why the plugin takes no calls, if it is wedged. The first to notice a change tells of it.
    pub(crate) fn wedged(&self) -> Option<Error> {
        if self.quiet.load(Ordering::Relaxed) { None } else { self.judge(Instant::now()) }
    }

    #[cold]
    fn judge(&self, now: Instant) -> Option<Error> {
        let mut ledger = self.ledger.lock();
        let before = ledger.wedged;
        let has_no_end = |work: &Overrun| now.saturating_duration_since(work.since) >= work.grace;
        ledger.wedged = !ledger.open.is_empty()
            && (before || ledger.open.len() >= MAX_OPEN || ledger.open.iter().any(has_no_end));
        let (calls, after) = (ledger.open.len(), ledger.wedged);
        let oldest = ledger.open.iter().map(|work| work.since).min();
        self.quiet.store(calls == 0, Ordering::SeqCst);
        drop(ledger);
        if before != after {
            self.tell(after, calls);
        }
        let over = now.saturating_duration_since(oldest?).as_secs();
        after.then(|| self.refusal(calls, over))
    }

    fn refusal(&self, calls: usize, over: u64) -> Error {
        let name = &self.plugin;
        let message = format!(
            "plugin {name:?} is wedged: {} still running, the oldest {over} s past its limit",
            counted(calls, "call")
        );
        Error::new(ErrorKind::State, message).with_plugin(name).with_hint(format!(
            "It takes calls again when they have ended; else restart it, or stop it with force: \
             stop_plugins({name:?}, force=True)"
        ))
    }

    fn tell(&self, wedged: bool, calls: usize) {
        let (plugin, word) = (&self.plugin, if wedged { "wedged" } else { "recovered" });
        tracing::warn!(target: "zerepy_plugins.lifecycle", plugin, calls, "plugin {word}");
        if self.watch.events.listening() {
            self.watch.events.publish(&Event {
                name: format!("plugin.{word}"),
                data: json!({ "plugin": plugin, "still_running": calls }),
                source: "host".to_owned(),
            });
        }
    }

    fn open(&self, limit: Duration) -> u64 {
        let mut ledger = self.ledger.lock();
        let number = ledger.next;
        ledger.next += 1;
        let grace = (limit * 2).max(MIN_GRACE);
        ledger.open.push(Overrun { number, since: Instant::now(), grace });
        self.quiet.store(false, Ordering::SeqCst);
        self.usage.go_on();
        number
    }

    fn close(&self, number: u64) {
        let mut ledger = self.ledger.lock();
        ledger.open.retain(|work| work.number != number);
        // Still loud if it was wedged: whoever asks next tells that it is not any more.
        self.quiet.store(ledger.open.is_empty() && !ledger.wedged, Ordering::SeqCst);
        self.usage.end_late();
    }
}

/// One piece of work with a limit, between the one who does it and the one who waits for it.
pub struct Attempt {
    overruns: Arc<Overruns>,
    limit: Duration,
    state: Mutex<State>,
}

enum State {
    Awaited,
    Ended,
    GivenUp(u64),
}

impl Attempt {
    pub(crate) fn new(overruns: &Arc<Overruns>, limit: Duration) -> Arc<Self> {
        let (overruns, state) = (Arc::clone(overruns), Mutex::new(State::Awaited));
        Arc::new(Self { overruns, limit, state })
    }

    /// Another attempt at work of the same plugin, with the same limit.
    #[must_use]
    pub fn again(&self) -> Arc<Self> {
        Self::new(&self.overruns, self.limit)
    }

    /// How long it may take.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// When whoever waits for it is to call [`tell_slow`](Self::tell_slow), once.
    #[must_use]
    pub fn slow_after(&self) -> Duration {
        SLOW.min(self.limit / 2)
    }

    /// Tells everybody that it takes long: a step of a plugin's life, or an action.
    pub fn tell_slow(&self, step: &str, action: Option<&str>) {
        let Overruns { plugin, watch, .. } = &*self.overruns;
        let (limit, what) = (self.limit.as_secs_f64(), action.unwrap_or(step));
        tracing::warn!(target: "zerepy_plugins.lifecycle", plugin, step, action, limit, "{what} is slow");
        if watch.events.listening() {
            let mut data = json!({ "plugin": plugin, "step": step, "limit": limit });
            if let Some(action) = action {
                data["action"] = action.into();
            }
            let (name, source) = ("plugin.slow".to_owned(), "host".to_owned());
            watch.events.publish(&Event { name, data, source });
        }
    }

    /// The plugin whose work it is.
    #[must_use]
    pub fn plugin(&self) -> &str {
        &self.overruns.plugin
    }

    /// Nobody waits any more: the work counts as still running until it ends. `false` if it has
    /// ended: then its outcome is there.
    pub fn give_up(&self) -> bool {
        let mut state = self.state.lock();
        if !matches!(*state, State::Awaited) {
            return false;
        }
        *state = State::GivenUp(self.overruns.open(self.limit));
        drop(state);
        self.overruns.wedged();
        true
    }

    /// The work ended; `false` if nobody waits for it any more. May be called by any thread, and
    /// again without effect.
    pub fn end(&self) -> bool {
        let before = std::mem::replace(&mut *self.state.lock(), State::Ended);
        if let State::GivenUp(number) = before {
            self.overruns.close(number);
        }
        matches!(before, State::Awaited)
    }

    /// Whether it goes on though nobody waits.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(*self.state.lock(), State::GivenUp(_))
    }

    /// The error for `what`, whose time is up.
    #[must_use]
    pub fn timed_out(&self, what: &str, still_running: bool) -> Error {
        let seconds = self.limit.as_secs_f64();
        let goes_on = if still_running { "it is still running" } else { "it was cancelled" };
        let message = format!("{what} did not end within {seconds} s; {goes_on}");
        Error::new(ErrorKind::Timeout, message)
            .with_plugin(&self.overruns.plugin)
            .with_hint("Raise the limit, \"timeout\" under \"options\", if it needs longer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Monitor;

    const LIMIT: Duration = Duration::from_millis(1);

    fn overruns() -> Arc<Overruns> {
        let watch = Arc::new(Watch { monitor: Arc::<Monitor>::default(), events: Arc::new(()) });
        Arc::new(Overruns::new("a", &watch.monitor.usage("a"), &watch))
    }

    #[test]
    fn what_ends_in_time_leaves_no_trace() {
        let overruns = overruns();
        let attempt = Attempt::new(&overruns, LIMIT);
        assert!(attempt.end() && !attempt.give_up());
        assert!(overruns.count() == 0 && overruns.wedged().is_none());
        assert_eq!(overruns.usage.stats(), crate::Stats::default());
    }

    #[test]
    fn a_few_may_go_on_for_a_while() {
        let overruns = overruns();
        let attempt = Attempt::new(&overruns, LIMIT);
        assert!(attempt.give_up() && !attempt.give_up());
        assert!(overruns.count() == 1 && overruns.wedged().is_none());
        let later = Instant::now() + MIN_GRACE;
        let error = overruns.judge(later).unwrap();
        assert_eq!(
            error.message(),
            "plugin \"a\" is wedged: 1 call still running, the oldest 5 s past its limit"
        );
        assert!(!attempt.end());
        assert!(overruns.count() == 0 && overruns.wedged().is_none());
        assert_eq!((overruns.usage.stats().still_running, overruns.usage.stats().late), (0, 1));
    }

    #[test]
    fn a_pile_wedges_until_all_of_it_has_ended() {
        let overruns = overruns();
        let attempts = [(); MAX_OPEN].map(|()| Attempt::new(&overruns, LIMIT));
        for attempt in &attempts {
            assert!(overruns.wedged().is_none());
            attempt.give_up();
        }
        assert_eq!(overruns.usage.stats().still_running, 4);
        for attempt in &attempts {
            assert_eq!(overruns.wedged().unwrap().kind(), ErrorKind::State);
            attempt.end();
        }
        assert!(overruns.wedged().is_none());
    }

    #[test]
    fn an_older_instance_does_not_wedge_a_new_one() {
        let overruns = overruns();
        let attempts = [(); MAX_OPEN].map(|()| Attempt::new(&overruns, LIMIT));
        assert!(attempts.iter().all(|attempt| attempt.give_up()));
        overruns.forget();
        assert!(overruns.wedged().is_none());
        assert_eq!(overruns.usage.stats().still_running, 4); // they do still run
        assert!(!attempts[0].end());
        assert_eq!(overruns.usage.stats().still_running, 3);
    }
}
