//! The text, read back by a parser that takes nothing but the format.
#![expect(clippy::float_cmp, reason = "what is written is read back exactly")]

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
    exposition.family("x", "a\\b\nc", FamilyKind::Gauge);
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
