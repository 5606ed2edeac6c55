//! A call, from admission to account. The payload never comes here.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::entry::{Admitted, Entry};
use crate::overrun::Attempt;
use crate::policy::Permit;
use crate::{Category, Class, Event, EventSink, Moment, Monitor, Outcome, PluginInfo};

/// Those who may want to know of a call.
pub(crate) struct Watch {
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) events: Arc<dyn EventSink>,
}

/// What a call holds on to: lent to one that ends where it begins, which need not count it.
pub(crate) enum Held<'a, T> {
    Lent(&'a Arc<T>),
    Kept(Arc<T>),
}

impl<T> Deref for Held<'_, T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        match self {
            Self::Lent(lent) => lent,
            Self::Kept(kept) => kept,
        }
    }
}

/// An admitted call: it counts as running until it is finished or dropped.
///
/// Dropping it unfinished counts it as abandoned. `A` holds the action's name: borrowed for a call
/// that ends where it begins, owned for one that is awaited.
pub struct Call<'a, C: Class, A: AsRef<str>> {
    entry: Held<'a, Entry<C>>,
    instance: Held<'a, C::Instance>,
    action: A,
    permit: Option<Permit>,
    began: Moment,
    blameless: bool, // it failed for a mistake of its caller, if it failed
    finished: bool,
}

impl<C: Class, A: AsRef<str>> Call<'static, C, A> {
    /// A call that may end anywhere.
    pub(crate) fn kept(entry: &Arc<Entry<C>>, admitted: Admitted<C>, action: A) -> Self {
        let (entry, instance) = (Arc::clone(entry), Arc::clone(admitted.instance()));
        Self::begin(Held::Kept(entry), Held::Kept(instance), admitted.permit, action)
    }
}

impl<'a, C: Class, A: AsRef<str>> Call<'a, C, A> {
    /// A call that ends before `admitted` does.
    pub(crate) fn lent(entry: &'a Arc<Entry<C>>, admitted: &'a mut Admitted<C>, action: A) -> Self {
        let permit = admitted.permit.take();
        Self::begin(Held::Lent(entry), Held::Lent(admitted.instance()), permit, action)
    }

    fn begin(
        entry: Held<'a, Entry<C>>,
        instance: Held<'a, C::Instance>,
        permit: Option<Permit>,
        action: A,
    ) -> Self {
        let watch = &entry.watch;
        watch.monitor.notify(|observer| observer.before(entry.name(), action.as_ref()));
        if watch.events.listening() {
            watch.publish(&entry.registered.info, action.as_ref(), "start", Value::Null);
        }
        Self {
            entry,
            instance,
            action,
            permit,
            began: Moment::now(),
            blameless: false,
            finished: false,
        }
    }

    /// The plugin that is called; it lives at least as long as the call.
    #[must_use]
    pub fn instance(&self) -> &Arc<C::Instance> {
        &self.instance
    }

    /// The plugin's name.
    #[must_use]
    pub fn plugin(&self) -> &str {
        self.entry.name()
    }

    /// The action's name.
    #[must_use]
    pub fn action(&self) -> &str {
        self.action.as_ref()
    }

    /// For the one who does the work and the one who waits, if there is a limit: `own`, else that
    /// of the plugin or host. `Duration::MAX` is none.
    pub fn attempt(&self, own: Option<Duration>) -> Option<Arc<Attempt>> {
        let limit = own.or_else(|| self.entry.limits.action);
        limit
            .filter(|limit| *limit < Duration::MAX)
            .map(|limit| Attempt::new(&self.entry.overruns, limit))
    }

    /// It fails for a mistake of its caller: that says nothing about the action.
    pub fn blame_caller(&mut self) {
        self.blameless = true;
        self.permit = None;
    }

    /// Accounts for the call; `error` is the failure's text.
    pub fn finish(mut self, outcome: Outcome, error: Option<&str>) {
        self.account(outcome, error);
    }

    fn account(&mut self, outcome: Outcome, error: Option<&str>) {
        self.finished = true;
        self.entry.usage.leave(self.began, outcome, error);
        if !self.blameless {
            self.entry.usage.recent.record(outcome);
        }
        if let Some(permit) = self.permit.take() {
            permit.finish(outcome);
        }
        let (watch, action) = (&self.entry.watch, self.action.as_ref());
        watch.monitor.notify(|observer| {
            let seconds = self.began.elapsed().as_secs_f64();
            observer.after(self.entry.name(), action, outcome, seconds);
        });
        if watch.events.listening() {
            let (word, data) = match outcome {
                Outcome::Success => ("success", Value::Null),
                _ => ("failure", json!({ "error": error })),
            };
            watch.publish(&self.entry.registered.info, action, word, data);
        }
    }
}

impl<C: Class, A: AsRef<str>> Drop for Call<'_, C, A> {
    fn drop(&mut self) {
        if !self.finished {
            self.account(Outcome::Abandoned, Some("the caller did not wait for the end"));
        }
    }
}

impl Watch {
    /// Events of calls are named `<connection>.<action>.<word>` and `action.<name>.<word>`.
    fn publish(&self, plugin: &PluginInfo, action: &str, word: &str, data: Value) {
        let name = match plugin.category {
            Category::Connection => format!("{}.{action}.{word}", plugin.name),
            Category::Action => format!("action.{}.{word}", plugin.name),
        };
        self.events.publish(&Event { name, data, source: plugin.name.clone() });
    }
}
