//! Rust's `tracing` records in Python's `logging`.
//!
//! A record is queued where it arises, which may hold anything but must not run Python code, and
//! handed over in a batch at the end of the operation that it belongs to.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// How many records wait at most; beyond it the oldest are dropped, and counted.
const MAX_QUEUED: usize = 10_000;

static QUEUE: LazyLock<Mutex<Queue>> = LazyLock::new(Mutex::default);
static PENDING: AtomicBool = AtomicBool::new(false); // looked at after every call

#[derive(Default)]
struct Queue {
    records: VecDeque<Record>,
    dropped: u64,
}

/// One log record on its way.
struct Record {
    logger: String,
    level: u8,
    message: String,
    fields: Vec<(&'static str, String)>,
}

struct Forward;

impl<S: Subscriber> Layer<S> for Forward {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with("zerepy_") {
            return; // a dependency's own
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let record = Record {
            logger: logger(metadata.target(), &mut fields),
            level: number(*metadata.level()),
            message: fields.message,
            fields: fields.others,
        };
        let mut queue = QUEUE.lock();
        if queue.records.len() == MAX_QUEUED {
            queue.records.pop_front();
            queue.dropped += 1;
        }
        queue.records.push_back(record);
        PENDING.store(true, Ordering::Release);
    }
}

/// The logger's name: the target as a Python module, a plugin's own records under its name.
fn logger(target: &str, fields: &mut Fields) -> String {
    if target == "zerepy_plugins.plugin" {
        let at = fields.others.iter().position(|(name, _)| *name == "plugin");
        let plugin = at.map(|at| fields.others.remove(at).1).unwrap_or_default();
        return format!("{target}.{plugin}");
    }
    match target.strip_prefix("zerepy_native") {
        Some(rest) => format!("zerepy_plugins.native{}", rest.replace("::", ".")),
        None => target.replace("::", "."),
    }
}

/// The numbers of Python's `logging`.
const fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.others.push((name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }
}

/// Begins to forward; once per process.
pub(crate) fn install() {
    let subscriber = tracing_subscriber::registry().with(Forward);
    let _ = tracing::subscriber::set_global_default(subscriber); // a second import changes nothing
}

/// Hands over what is queued. A handler that raises is shown, and does not touch the operation.
pub(crate) fn flush(py: Python<'_>) {
    if !PENDING.load(Ordering::Relaxed) || !PENDING.swap(false, Ordering::AcqRel) {
        return;
    }
    let Queue { records, dropped } = std::mem::take(&mut *QUEUE.lock());
    let mut outcome = records.into_iter().try_for_each(|record| hand_over(py, record));
    if dropped > 0 && outcome.is_ok() {
        outcome = hand_over(
            py,
            Record {
                logger: "zerepy_plugins.logging".to_owned(),
                level: number(Level::WARN),
                message: format!(
                    "{dropped} log records were dropped: they came faster than they left"
                ),
                fields: Vec::new(),
            },
        );
    }
    if let Err(raised) = outcome {
        raised.write_unraisable(py, None);
    }
}

fn hand_over(py: Python<'_>, record: Record) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", (record.logger,))?;
    let mut message = record.message;
    let fields = PyDict::new(py);
    for (name, value) in record.fields {
        let _ = write!(message, " {name}={value}");
        fields.set_item(name, value)?;
    }
    let extra = PyDict::new(py);
    extra.set_item("fields", fields)?;
    let kwargs = PyDict::new(py);
    kwargs.set_item("extra", extra)?;
    logger.call_method("log", (record.level, "%s", message), Some(&kwargs))?;
    Ok(())
}
