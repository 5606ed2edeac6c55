//! What plugins log. A test program of its own, for a listener is for the whole process.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::sync::{Arc, Mutex};

use common::{Built, load, no_config};
use tracing::field::{Field, Visit};

/// Remembers the fields of the last event.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "zerepy_plugins.plugin"
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        self.0.lock().unwrap().push(format!("level={}", event.metadata().level()));
        event.record(&mut Fields(&self.0));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

struct Fields<'a>(&'a Mutex<Vec<String>>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().push(format!("{field}={value:?}"));
    }
}

#[test]
fn what_a_plugin_logs_is_traced() {
    let listener = Listener::default();
    tracing::subscriber::set_global_default(listener.clone()).unwrap();
    let instance = load(&Built::new(&[]).path).unwrap().create(0).unwrap();
    instance.initialize(&no_config()).unwrap();
    let mut fields = listener.0.lock().unwrap().clone();
    fields.sort();
    assert_eq!(fields, ["level=WARN", "message=up", "plugin=\"echo\""]);
}
