//! Readings as text that Prometheus scrapes: the exposition format, version 0.0.4.
//!
//! It writes what it is given and measures nothing. Rows are sorted by plugin, so that equal
//! readings are equal texts.

use std::fmt::Write as _;

use crate::{EventStats, PluginState, Stats};

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Quantiles, with a sum and a count.
    Summary,
}

impl FamilyKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
        }
    }
}

/// One plugin's numbers, and where it is in its life, unless it is counted outside a host.
#[derive(Clone, Debug)]
pub struct PluginReading {
    /// Its name.
    pub plugin: String,
    /// Its state, and whether it is running and was well when it was last asked.
    pub life: Option<(PluginState, bool)>,
    /// Its calls.
    pub stats: Stats,
}

/// A text that is being written, family by family. A family's samples follow it at once.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Begins a family: its name, what it means, and what it is.
    pub fn family(&mut self, name: &str, help: &str, kind: FamilyKind) {
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {}", kind.word());
    }

    /// Adds a sample; label values may hold anything.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let _ = write!(self.0, "{}{label}=\"{value}\"", if at == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = match value {
            f64::INFINITY => writeln!(self.0, " +Inf"),
            f64::NEG_INFINITY => writeln!(self.0, " -Inf"),
            value => writeln!(self.0, " {value}"),
        };
    }

    /// Adds what is known of plugins' lives and calls.
    pub fn plugins(&mut self, mut readings: Vec<PluginReading>) {
        readings.sort_by(|one, other| one.plugin.cmp(&other.plugin));
        self.lives(&readings);
        for (name, help, kind, count) in CALLS {
            self.family(name, help, *kind);
            for reading in &readings {
                self.sample(name, &[("plugin", &reading.plugin)], number(count(&reading.stats)));
            }
        }
        self.latencies(&readings);
    }

    /// Adds what became of a bus's events.
    pub fn events(&mut self, stats: &EventStats) {
        for (name, help, count) in [
            ("zerepy_events_published_total", "Events published.", stats.published),
            ("zerepy_events_delivered_total", "Events that a handler took.", stats.delivered),
            ("zerepy_events_failed_total", "Events whose handler failed.", stats.failed),
            ("zerepy_events_dropped_total", "Events that a slow handler missed.", stats.dropped),
        ] {
            self.family(name, help, FamilyKind::Counter);
            self.sample(name, &[], number(count));
        }
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    fn lives(&mut self, readings: &[PluginReading]) {
        let lives = || readings.iter().filter_map(|it| Some((it.plugin.as_str(), it.life?)));
        let name = "zerepy_plugin_up";
        self.family(
            name,
            "1 if the plugin runs and was well when it was last asked.",
            FamilyKind::Gauge,
        );
        for (plugin, (_, healthy)) in lives() {
            self.sample(name, &[("plugin", plugin)], if healthy { 1.0 } else { 0.0 });
        }
        let name = "zerepy_plugin_state";
        self.family(name, "1 for the state that the plugin is in.", FamilyKind::Gauge);
        for (plugin, (state, _)) in lives() {
            for other in PluginState::all() {
                let labels = [("plugin", plugin), ("state", other.as_str())];
                self.sample(name, &labels, if other == state { 1.0 } else { 0.0 });
            }
        }
    }

    fn latencies(&mut self, readings: &[PluginReading]) {
        let name = "zerepy_plugin_latency_seconds";
        self.family(name, "How long calls took; quantiles since the start.", FamilyKind::Summary);
        let (sum, count) = (format!("{name}_sum"), format!("{name}_count"));
        for PluginReading { plugin, stats, .. } in readings {
            for (quantile, value) in [("0.5", stats.p50), ("0.95", stats.p95), ("0.99", stats.p99)]
            {
                let value = if stats.calls > 0 { value } else { f64::NAN }; // of nothing
                self.sample(name, &[("plugin", plugin), ("quantile", quantile)], value);
            }
            self.sample(&sum, &[("plugin", plugin)], stats.total);
            self.sample(&count, &[("plugin", plugin)], number(stats.calls));
        }
    }
}

type Calls = (&'static str, &'static str, FamilyKind, fn(&Stats) -> u64);

const CALLS: &[Calls] = &[
    ("zerepy_plugin_calls_total", "Calls that ended.", FamilyKind::Counter, |stats| stats.calls),
    (
        "zerepy_plugin_errors_total",
        "Calls that failed, timeouts included.",
        FamilyKind::Counter,
        |stats| stats.errors,
    ),
    ("zerepy_plugin_timeouts_total", "Calls whose time was up.", FamilyKind::Counter, |stats| {
        stats.timeouts
    }),
    ("zerepy_plugin_in_flight", "Calls that are running.", FamilyKind::Gauge, |stats| {
        stats.in_flight
    }),
];

/// The format knows floats only.
#[expect(clippy::cast_precision_loss)]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
