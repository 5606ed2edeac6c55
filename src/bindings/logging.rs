//! Rust's `tracing` records in Python's `logging`.
//!
//! A record is queued where it arises, which may hold anything but must not run Python code, and
//! handed over in a batch at the end of the operation that it belongs to; what plugins log from work
//! of their own, by the background thread.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Write as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use zerepy_native::{LogSink, Tape};

use crate::{background, convert, walk};

/// How many records wait at most; beyond it the oldest are dropped, and counted.
const MAX_QUEUED: usize = 10_000;
/// How long a level of Python's is taken for granted.
const LEVEL_TTL: Duration = Duration::from_millis(100);
/// How many loggers' levels are remembered; beyond it the memory starts anew.
const MAX_LEVELS: usize = 1024;

static QUEUE: LazyLock<Mutex<Queue>> = LazyLock::new(Mutex::default);
static PENDING: AtomicBool = AtomicBool::new(false); // looked at after every call
/// What plugins' loggers keep, by the plugin's name, and when that was asked.
static LEVELS: LazyLock<RwLock<HashMap<String, (u32, Instant)>>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Queue {
    records: VecDeque<Record>,
    dropped: u64,
}

/// One log record on its way.
struct Record {
    logger: String,
    level: u32,
    message: String,
    fields: RecordFields,
}

enum RecordFields {
    Own(Vec<(&'static str, Value)>),
    Plugins(Option<Tape>),
}

fn enqueue(record: Record) {
    let mut queue = QUEUE.lock();
    if queue.records.len() == MAX_QUEUED {
        queue.records.pop_front();
        queue.dropped += 1;
    }
    queue.records.push_back(record);
    PENDING.store(true, Ordering::Release);
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
            fields: RecordFields::Own(fields.others),
        };
        enqueue(record);
    }
}

/// What plugins log with fields.
struct Plugins;

impl LogSink for Plugins {
    /// A level that was not asked for a while lets a record through, which asks for it.
    fn enabled(&self, plugin: &str, level: u32) -> bool {
        let levels = LEVELS.read();
        levels.get(plugin).is_none_or(|(kept, at)| level >= *kept || at.elapsed() > LEVEL_TTL)
    }

    fn record(&self, plugin: &str, level: u32, message: &str, fields: Option<Tape>, prompt: bool) {
        let logger = format!("{PLUGINS}.{plugin}");
        let (message, fields) = (message.to_owned(), RecordFields::Plugins(fields));
        enqueue(Record { logger, level, message, fields });
        if prompt {
            background::flush_soon();
        }
    }
}

/// Remembers what a plugin's logger keeps.
fn remember_level(logger: &str, object: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(plugin) = logger.strip_prefix(PLUGINS).and_then(|rest| rest.strip_prefix('.')) else {
        return Ok(());
    };
    let fresh = |(_, at): &(u32, Instant)| at.elapsed() <= LEVEL_TTL;
    if LEVELS.read().get(plugin).is_some_and(fresh) {
        return Ok(());
    }
    let own = object.call_method0("getEffectiveLevel")?.extract::<u32>()?;
    let disabled = object.getattr("manager")?.getattr("disable")?.extract::<u32>()?;
    let mut levels = LEVELS.write();
    if levels.len() >= MAX_LEVELS {
        levels.clear();
    }
    levels.insert(plugin.to_owned(), (own.max(disabled + 1), Instant::now()));
    Ok(())
}

/// The parent of plugins' own loggers, and the target of their records.
const PLUGINS: &str = "zerepy_plugins.plugin";

/// The logger's name: the target as a Python module, a plugin's own records under its name.
fn logger(target: &str, fields: &mut Fields) -> String {
    if target == PLUGINS {
        let at = fields.others.iter().position(|(name, _)| *name == "plugin");
        let plugin = at.map(|at| text_of(&fields.others.remove(at).1)).unwrap_or_default();
        return format!("{target}.{plugin}");
    }
    match target.strip_prefix("zerepy_native") {
        Some(rest) => format!("zerepy_plugins.native{}", rest.replace("::", ".")),
        None => target.replace("::", "."),
    }
}

/// The numbers of Python's `logging`.
const fn number(level: Level) -> u32 {
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
    others: Vec<(&'static str, Value)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.others.push((name, value.into())),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.push((field.name(), value.into()));
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
    zerepy_native::set_log_sink(&Plugins);
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
                fields: RecordFields::Own(Vec::new()),
            },
        );
    }
    if let Err(raised) = outcome {
        raised.write_unraisable(py, None);
    }
}

fn hand_over(py: Python<'_>, record: Record) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", (&record.logger,))?;
    let _ = remember_level(&record.logger, &logger); // a logger of another kind: all is let through
    let mut message = record.message;
    let fields = match record.fields {
        RecordFields::Own(own) => {
            let fields = PyDict::new(py);
            for (name, value) in own {
                let _ = write!(message, " {name}={}", text_of(&value));
                fields.set_item(name, convert::to_python(py, &value)?)?;
            }
            fields
        }
        RecordFields::Plugins(tape) => {
            let fields = plugins_fields(py, tape.as_ref());
            for (name, value) in &fields {
                let _ = write!(message, " {name}={value}");
            }
            fields
        }
    };
    let extra = PyDict::new(py);
    extra.set_item("fields", fields)?;
    let kwargs = PyDict::new(py);
    kwargs.set_item("extra", extra)?;
    logger.call_method("log", (record.level, "%s", message), Some(&kwargs))?;
    Ok(())
}

/// A plugin's fields; what is no map, or cannot be read, is left out.
fn plugins_fields<'py>(py: Python<'py>, tape: Option<&Tape>) -> Bound<'py, PyDict> {
    let fields = tape.and_then(|tape| walk::read_tape(py, tape).ok());
    fields.and_then(|fields| fields.cast_into().ok()).unwrap_or_else(|| PyDict::new(py))
}

/// A value as it stands in the text of a record.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
