//! Events: who subscribed to what. Delivery is the bindings' business; matching is here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;
use serde_json::Value;

use crate::{Error, ErrorKind, Result};

/// How many event names' matches are remembered; beyond it the memory starts anew.
const REMEMBERED_NAMES: usize = 1024;

/// Something that happened, for whoever subscribed to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Dotted name, such as `plugin.running`.
    pub name: String,
    /// What belongs to it.
    pub data: Value,
    /// Who says so: a plugin's name, or `host`.
    pub source: String,
}

/// Where the host's own events go.
pub trait EventSink: Send + Sync {
    /// Whether anybody would hear an event; the host asks before it builds one.
    fn listening(&self) -> bool;
    /// Delivers an event. It must not fail.
    fn publish(&self, event: &Event);
}

/// What became of a bus's events. Safe to share.
#[derive(Debug, Default)]
pub struct EventCounts {
    published: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// A reading of [`EventCounts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventStats {
    /// Events that were published.
    pub published: u64,
    /// Times that a handler ran with an event and did not fail.
    pub delivered: u64,
    /// Times that an event did not reach an async handler: too many waited, or its loop ended.
    pub dropped: u64,
    /// Times that a handler failed.
    pub failed: u64,
}

impl EventCounts {
    /// An event was published.
    pub fn published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    /// A handler ran.
    pub fn handled(&self, failed: bool) {
        let count = if failed { &self.failed } else { &self.delivered };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// So many deliveries will not be made.
    pub fn dropped(&self, how_many: usize) {
        self.dropped.fetch_add(how_many as u64, Ordering::Relaxed);
    }

    /// A reading of everything.
    #[must_use]
    pub fn read(&self) -> EventStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        EventStats {
            published: read(&self.published),
            delivered: read(&self.delivered),
            dropped: read(&self.dropped),
            failed: read(&self.failed),
        }
    }
}

/// Identifies a subscription, to end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionId(u64);

/// What a subscription listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `*`: everything.
    All,
    /// `prefix.*`: every name that begins with `prefix.`.
    Prefix(String),
    /// One name.
    Name(String),
}

impl Pattern {
    /// Reads `*`, `prefix.*` or a name; a `*` elsewhere is a [`ErrorKind::Config`] error.
    pub fn parse(text: &str) -> Result<Self> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self::All),
            Some(stem) if stem.ends_with('.') && !stem.contains('*') => {
                Ok(Self::Prefix(stem.to_owned()))
            }
            None if !text.is_empty() && !text.contains('*') => Ok(Self::Name(text.to_owned())),
            _ => Err(Error::new(
                ErrorKind::Config,
                format!("cannot subscribe to {text:?}: it is no event name or pattern"),
            )
            .with_hint("Subscribe to a name, to \"prefix.*\" or to \"*\"")),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
            Self::Name(own) => own == name,
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Handlers that match one event name, in the order they subscribed.
pub type Matches<H> = Arc<[(SubscriptionId, H)]>;

struct Table<H> {
    subscriptions: Vec<(SubscriptionId, Pattern, H)>,
    remembered: HashMap<String, Matches<H>>,
}

/// Subscriptions of handlers `H`. Safe to share; nothing of a handler runs under its lock.
pub struct Subscriptions<H> {
    table: RwLock<Table<H>>,
    any: AtomicBool,
    next_id: AtomicU64,
}

impl<H> Default for Subscriptions<H> {
    fn default() -> Self {
        let table = Table { subscriptions: Vec::new(), remembered: HashMap::new() };
        Self { table: RwLock::new(table), any: AtomicBool::new(false), next_id: AtomicU64::new(0) }
    }
}

impl<H: Clone> Subscriptions<H> {
    /// Adds a handler after all others.
    pub fn subscribe(&self, pattern: Pattern, handler: H) -> SubscriptionId {
        let id = SubscriptionId(self.next_id.fetch_add(1, Ordering::Relaxed));
        self.change(|list| list.push((id, pattern, handler)));
        id
    }

    /// Removes these subscriptions; how many of them there were.
    pub fn remove(&self, gone: &[SubscriptionId]) -> usize {
        let mut removed = Vec::new();
        self.change(|list| removed = list.extract_if(.., |(id, ..)| gone.contains(id)).collect());
        removed.len() // the handlers drop here, outside the lock: dropping one may run foreign code
    }

    /// All subscriptions, in their order.
    pub fn list(&self) -> Vec<(SubscriptionId, Pattern, H)> {
        self.table.read().subscriptions.clone()
    }

    /// Whether there is any subscription.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The handlers for `name`, in the order they subscribed.
    pub fn matching(&self, name: &str) -> Matches<H> {
        if let Some(found) = self.table.read().remembered.get(name) {
            return Arc::clone(found);
        }
        let mut table = self.table.write();
        let found: Matches<H> = table
            .subscriptions
            .iter()
            .filter(|(_, pattern, _)| pattern.matches(name))
            .map(|(id, _, handler)| (*id, handler.clone()))
            .collect();
        if table.remembered.len() >= REMEMBERED_NAMES {
            table.remembered.clear();
        }
        table.remembered.insert(name.to_owned(), Arc::clone(&found));
        found
    }

    fn change(&self, edit: impl FnOnce(&mut Vec<(SubscriptionId, Pattern, H)>)) {
        let mut table = self.table.write();
        edit(&mut table.subscriptions);
        let forgotten = std::mem::take(&mut table.remembered);
        self.any.store(!table.subscriptions.is_empty(), Ordering::Release);
        drop(table);
        drop(forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bus: &Subscriptions<&'static str>, name: &str) -> Vec<&'static str> {
        bus.matching(name).iter().map(|(_, handler)| *handler).collect()
    }

    #[test]
    fn names_prefixes_and_everything_match_in_order() {
        let bus = Subscriptions::default();
        for (pattern, handler) in [("*", "all"), ("plugin.*", "prefix"), ("plugin.running", "name")]
        {
            bus.subscribe(Pattern::parse(pattern).unwrap(), handler);
        }
        assert_eq!(heard(&bus, "plugin.running"), ["all", "prefix", "name"]);
        assert_eq!(heard(&bus, "plugin.stopped"), ["all", "prefix"]);
        assert_eq!(heard(&bus, "plugins"), ["all"]);
    }

    #[test]
    fn a_change_is_seen_by_names_asked_before() {
        let bus = Subscriptions::default();
        assert!(heard(&bus, "a").is_empty() && !bus.any());
        let id = bus.subscribe(Pattern::Name("a".into()), "x");
        assert_eq!((heard(&bus, "a"), bus.any()), (vec!["x"], true));
        assert_eq!(bus.remove(&[id]), 1);
        assert!(heard(&bus, "a").is_empty() && !bus.any());
    }

    #[test]
    fn a_star_elsewhere_is_refused() {
        for text in ["", "a*", "*.a", "a.*.b", "**"] {
            assert_eq!(Pattern::parse(text).unwrap_err().kind(), ErrorKind::Config, "{text:?}");
        }
    }

    #[test]
    fn what_became_of_events_is_counted() {
        let counts = EventCounts::default();
        counts.published();
        counts.handled(false);
        counts.handled(true);
        counts.dropped(3);
        let expected = EventStats { published: 1, delivered: 1, dropped: 3, failed: 1 };
        assert_eq!(counts.read(), expected);
    }

    #[test]
    fn a_pattern_is_shown_as_it_was_written() {
        for text in ["*", "a.*", "a.b"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn memory_of_names_is_bounded() {
        let bus = Subscriptions::default();
        bus.subscribe(Pattern::All, "x");
        for number in 0..3 * REMEMBERED_NAMES {
            bus.matching(&number.to_string());
        }
        assert!(bus.table.read().remembered.len() <= REMEMBERED_NAMES);
    }
}
