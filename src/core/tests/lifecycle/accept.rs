//! Taking plugins in.

use std::sync::Arc;

use serde_json::json;

use super::fake::World;
use super::logs;
use crate::{Category, Error, ErrorKind, Failure, PluginState, Stage};

const SEVERAL: &str = "The first one stays. Rename one of them, or register it with replace=True";

fn broken(origin: &str, message: &str) -> Failure {
    let error = Error::new(ErrorKind::Load, message);
    Failure { stage: Stage::Import, plugin: Some("x".into()), origin: origin.into(), error }
}

#[test]
fn what_was_found_is_registered_and_not_started() {
    let world = World::new(&["b", "a 2.0: b"]);
    assert_eq!(world.states(), "b registered, a registered");
    assert!(world.log().is_empty() && world.failures().is_empty());
    let (status, config) = world.host.describe("a").unwrap();
    assert_eq!((status.info.version.as_str(), status.origin.as_str()), ("2.0", "a.py"));
    assert_eq!(status.state, PluginState::Registered);
    assert!(config.unwrap().enabled);
    assert!(world.registry.contains(Category::Connection, "b"));
}

#[test]
fn what_stands_in_the_registry_is_taken_in_too() {
    let world = World::new(&["a"]);
    world.registry.register(world.plugin("by_hand"), false).unwrap();
    world.accept(vec![world.plugin("b")]);
    assert_eq!(world.states(), "a registered, by_hand registered, b registered");
}

#[test]
fn events_tell_what_was_taken_in() {
    let world = World::configured(json!({"off": {"config": {"enabled": false}}}), &[]);
    world.events.take();
    world.accept(["a", "off"].map(|name| world.plugin(name)).into());
    let events = world.events.take();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["plugin.registered", "plugin.disabled"]);
    assert_eq!(events[0].data, json!({"plugin": "a", "from": "discovered", "error": null}));
    assert_eq!(events[0].source, "host");
}

#[test]
fn the_configuration_switches_a_plugin_off() {
    let settings = json!({"*": {"config": {"enabled": false}}, "b": {"config": {"enabled": true}}});
    let world = World::configured(settings, &["a", "b"]);
    assert_eq!(world.states(), "a disabled, b registered");
    assert!(world.failures().is_empty());
}

#[test]
fn an_invalid_configuration_is_a_failure_with_all_problems() {
    let world = World::configured(json!({"a": {"config": {"port": "high", "host": 1}}}), &[]);
    let mut plugin = world.plugin("a");
    plugin.info.config_schema = Some(json!({"type": "object", "properties": {
        "host": {"type": "string"}, "port": {"type": "integer"},
    }}));
    world.accept(vec![plugin, world.plugin("b")]);
    assert_eq!(world.states(), "a failed, b registered");
    let failures = world.failures();
    let (message, hint) = failures[0].rsplit_once('\n').unwrap();
    assert!(
        message.starts_with(
            "validate a: the configuration of plugin \"a\" has 2 problems:\n  config."
        )
    );
    assert!(message.contains("config.host: ") && message.contains("config.port: "), "{message}");
    assert_eq!(hint, "Mend it where the plugin is configured, or in the environment");
    assert!(world.host.describe("a").unwrap().1.is_none());
    assert_eq!(world.host.start(Some("a")).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(world.host.start(None).unwrap(), ["b"]);
}

#[test]
fn a_second_plugin_of_a_name_is_a_failure_naming_both_origins() {
    let world = World::new(&["a"]);
    let mut second = world.plugin("a 2.0");
    second.origin = "other.py".into();
    world.accept(vec![second, world.plugin("b")]);
    assert_eq!(world.states(), "a registered, b registered");
    assert_eq!(
        world.failures(),
        [format!(
            "validate a: there are two plugins called \"a\": one from a.py, one from other.py. \
             {SEVERAL}"
        )]
    );
    assert_eq!(world.host.describe("a").unwrap().0.info.version, "1.0");
}

#[test]
fn two_of_one_name_in_one_file_are_not_taken_for_one_found_twice() {
    let world = World::new(&["a", "a"]);
    assert_eq!(world.failures().len(), 1);
}

#[test]
fn one_name_in_two_categories_is_a_failure_that_is_told_once() {
    let world = World::new(&["a"]);
    let mut action = world.plugin("a");
    (action.info.category, action.origin) = (Category::Action, "action.py".into());
    let told = logs::of(|| world.accept(vec![action]));
    assert_eq!(told, ["zerepy_plugins.discovery: plugin left out"]);
    for _ in 0..3 {
        assert!(logs::of(|| world.accept(Vec::new())).is_empty());
    }
    assert_eq!(
        world.failures(),
        [format!(
            "validate a: there are two plugins called \"a\": one from a.py, one from action.py. \
             {SEVERAL}"
        )]
    );
}

#[test]
fn accepting_again_takes_in_only_what_is_new() {
    let world = World::new(&["a"]);
    world.host.start(None).unwrap();
    let instance = world.host.instance("a").unwrap();
    world.accept(vec![world.plugin("a"), world.plugin("b")]); // "a" was found again
    assert_eq!(world.states(), "a running, b registered");
    assert!(world.failures().is_empty());
    assert!(Arc::ptr_eq(&world.host.instance("a").unwrap(), &instance));
}

#[test]
fn a_failure_is_replaced_when_its_origin_is_tried_again() {
    let world = World::new(&[]);
    world.host.accept(Vec::new(), vec![broken("x.py", "no"), broken("y.py", "never")]);
    world.host.accept(Vec::new(), vec![broken("x.py", "still no")]);
    assert_eq!(world.failures(), ["import x: never", "import x: still no"]);
    world.accept(vec![world.plugin("x")]);
    assert_eq!(world.failures(), ["import x: never"]);
}

#[test]
fn two_threads_that_take_in_at_once_lose_nothing() {
    let world = World::new(&[]);
    let take_in = |name: String| world.accept(vec![world.plugin(&name)]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || (0..25).for_each(|n| take_in(format!("p{thread}-{n}"))));
        }
    });
    assert_eq!(world.host.status().len(), 100);
    assert!(world.failures().is_empty());
    assert!(world.host.status().iter().all(|status| status.state == PluginState::Registered));
}
