//! Readings as text that Prometheus scrapes: the exposition format, version 0.0.4.
//!
//! It writes what it is given and measures nothing. Rows are sorted by plugin, so that equal
//! readings are equal texts.

use std::fmt::Write as _;

use crate::{EventStats, PluginState, Stats};

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Quantiles, with a sum and a count.
    Summary,
}

impl MetricKind {
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
    /// Its state, and whether it is running and has not reported ill.
    pub life: Option<(PluginState, bool)>,
    /// Its calls.
    pub stats: Stats,
}

/// A text that is being written, family by family. A family's samples follow it at once.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Begins a family: its name, what it means, and what it is.
    pub fn family(&mut self, name: &str, help: &str, kind: MetricKind) {
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
            self.family(name, help, MetricKind::Counter);
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
        self.family(name, "1 if the plugin runs and has not reported ill.", MetricKind::Gauge);
        for (plugin, (_, healthy)) in lives() {
            self.sample(name, &[("plugin", plugin)], if healthy { 1.0 } else { 0.0 });
        }
        let name = "zerepy_plugin_state";
        self.family(name, "1 for the state that the plugin is in.", MetricKind::Gauge);
        for (plugin, (state, _)) in lives() {
            for other in PluginState::all() {
                let labels = [("plugin", plugin), ("state", other.as_str())];
                self.sample(name, &labels, if other == state { 1.0 } else { 0.0 });
            }
        }
    }

    fn latencies(&mut self, readings: &[PluginReading]) {
        let name = "zerepy_plugin_latency_seconds";
        self.family(name, "How long calls took; quantiles since the start.", MetricKind::Summary);
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

type Calls = (&'static str, &'static str, MetricKind, fn(&Stats) -> u64);

const CALLS: &[Calls] = &[
    ("zerepy_plugin_calls_total", "Calls that ended.", MetricKind::Counter, |stats| stats.calls),
    (
        "zerepy_plugin_errors_total",
        "Calls that failed, timeouts included.",
        MetricKind::Counter,
        |stats| stats.errors,
    ),
    ("zerepy_plugin_timeouts_total", "Calls whose time was up.", MetricKind::Counter, |stats| {
        stats.timeouts
    }),
    ("zerepy_plugin_in_flight", "Calls that are running.", MetricKind::Gauge, |stats| {
        stats.in_flight
    }),
];

/// The format knows floats only.
#[expect(clippy::cast_precision_loss)]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is written is read back exactly")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Labels = Vec<(String, String)>;

    /// Families by name with their type, and samples by name and labels.
    #[derive(Debug, Default)]
    struct Parsed {
        families: BTreeMap<String, String>,
        samples: BTreeMap<(String, Labels), f64>,
    }

    /// Reads the format, and takes no text that is not exactly in it.
    fn parse(text: &str) -> Parsed {
        let (mut parsed, mut helped, mut current) = (Parsed::default(), None, String::new());
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                helped = rest.split_once(' ').map(|(name, _)| name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(helped.take().as_deref(), Some(name));
                assert!(parsed.families.insert(name.to_owned(), kind.to_owned()).is_none());
                name.clone_into(&mut current);
            } else {
                let (name, labels, value) = sample(line);
                let family = match parsed.families[&current].as_str() {
                    "summary" => name.trim_end_matches("_sum").trim_end_matches("_count"),
                    _ => &name,
                };
                assert_eq!(family, current);
                let before = parsed.samples.insert((name, labels), value);
                assert_eq!(before, None, "twice: {line}");
            }
        }
        parsed
    }

    fn sample(line: &str) -> (String, Labels, f64) {
        let end = line.find(['{', ' ']).unwrap();
        let (name, mut rest) = line.split_at(end);
        let mut labels = Labels::new();
        while let Some(more) = rest.strip_prefix(if labels.is_empty() { '{' } else { ',' }) {
            let (label, quoted) = more.split_once("=\"").unwrap();
            let (value, after) = unquote(quoted);
            labels.push((label.to_owned(), value));
            rest = after;
        }
        let number = rest.strip_prefix('}').unwrap_or(rest).strip_prefix(' ').unwrap();
        (name.to_owned(), labels, number.parse().unwrap())
    }

    /// A label's value up to its closing quote, and what follows.
    fn unquote(text: &str) -> (String, &str) {
        let (mut value, mut chars) = (String::new(), text.char_indices());
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => return (value, &text[at + 1..]),
                '\\' => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    escaped => escaped,
                }),
                plain => value.push(plain),
            }
        }
        panic!("no closing quote: {text}");
    }

    fn reading(plugin: &str, calls: u64) -> PluginReading {
        let stats = Stats { calls, errors: 1, p50: 0.25, total: 1.5, ..Stats::default() };
        PluginReading { plugin: plugin.to_owned(), life: None, stats }
    }

    fn written(readings: Vec<PluginReading>) -> String {
        let mut exposition = Exposition::default();
        exposition.plugins(readings);
        exposition.into_text()
    }

    fn value(parsed: &Parsed, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|(label, value)| ((*label).into(), (*value).into()));
        parsed.samples[&(name.to_owned(), labels.collect())]
    }

    #[test]
    fn every_number_is_there_under_its_plugin() {
        let parsed = parse(&written(vec![reading("b", 3), reading("a", 0)]));
        let of = |name, plugin| value(&parsed, name, &[("plugin", plugin)]);
        assert_eq!(of("zerepy_plugin_calls_total", "b"), 3.0);
        assert_eq!(of("zerepy_plugin_errors_total", "a"), 1.0);
        assert_eq!(of("zerepy_plugin_latency_seconds_sum", "b"), 1.5);
        assert_eq!(of("zerepy_plugin_latency_seconds_count", "b"), 3.0);
        let quantile = |plugin| {
            let labels = [("plugin", plugin), ("quantile", "0.5")];
            value(&parsed, "zerepy_plugin_latency_seconds", &labels)
        };
        assert_eq!(quantile("b"), 0.25);
        assert!(quantile("a").is_nan()); // nothing was called
        assert_eq!(parsed.families["zerepy_plugin_latency_seconds"], "summary");
        assert_eq!(parsed.families["zerepy_plugin_in_flight"], "gauge");
        assert_eq!(parsed.families["zerepy_plugin_calls_total"], "counter");
    }

    #[test]
    fn a_plugin_is_in_one_state_and_up_if_it_is_well() {
        let mut ill = reading("ill", 0);
        ill.life = Some((PluginState::Running, false));
        let parsed = parse(&written(vec![ill, reading("outside", 1)]));
        assert_eq!(value(&parsed, "zerepy_plugin_up", &[("plugin", "ill")]), 0.0);
        let states = parsed.samples.iter().filter(|((name, _), _)| name == "zerepy_plugin_state");
        let states: Vec<_> = states.map(|((_, labels), value)| (&labels[1].1, *value)).collect();
        assert_eq!(states.len(), PluginState::all().count());
        let current: Vec<_> = states.iter().filter(|(_, value)| *value == 1.0).collect();
        assert_eq!(current, [&(&"running".to_owned(), 1.0)]);
    }

    #[test]
    fn label_values_may_hold_anything() {
        let odd = "a\"b\\c\nd,e=\"f\"} 1 ü";
        let parsed = parse(&written(vec![reading(odd, 2)]));
        assert_eq!(value(&parsed, "zerepy_plugin_calls_total", &[("plugin", odd)]), 2.0);
    }

    #[test]
    fn equal_readings_are_equal_texts() {
        let one = written(vec![reading("a", 1), reading("b", 2)]);
        assert_eq!(one, written(vec![reading("b", 2), reading("a", 1)]));
    }

    #[test]
    fn helps_and_infinities_are_written_as_the_format_wants() {
        let mut exposition = Exposition::default();
        exposition.family("x", "a\\b\nc", MetricKind::Gauge);
        exposition.sample("x", &[], f64::INFINITY);
        exposition.sample("x", &[("a", "b")], f64::NEG_INFINITY);
        let text = exposition.into_text();
        assert_eq!(text, "# HELP x a\\\\b\\nc\n# TYPE x gauge\nx +Inf\nx{a=\"b\"} -Inf\n");
    }

    #[test]
    fn events_are_counted_without_labels() {
        let mut exposition = Exposition::default();
        exposition.events(&EventStats { published: 4, delivered: 3, dropped: 2, failed: 1 });
        let parsed = parse(&exposition.into_text());
        let names = ["published", "delivered", "dropped", "failed"];
        let of = |name| value(&parsed, &format!("zerepy_events_{name}_total"), &[]);
        assert_eq!(names.map(of), [4.0, 3.0, 2.0, 1.0]);
    }
}
