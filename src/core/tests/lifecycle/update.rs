//! Changing configurations.

use std::sync::{Arc, Barrier};
use std::thread;

use serde_json::{Map, Value, json};

use super::fake::World;
use crate::{ErrorKind, Manifest, Owner, Result, Settings};

fn world() -> World {
    let settings = json!({"a": {"config": {"options": {"depth": 1, "keep": true}}}});
    let world = World::configured(settings, &["a", "b: a"]);
    world.host.start(None).unwrap();
    world.log();
    world.events.take();
    world
}

fn update(world: &World, config: Value) -> Result<Vec<String>> {
    let Value::Object(config) = config else { panic!("an object") };
    world.host.update_config("a", &config)
}

fn config_of(world: &World) -> Value {
    world.host.describe("a").unwrap().1.unwrap().value
}

#[test]
fn a_plugin_that_can_takes_it_over_once_and_keeps_its_instance() {
    let world = world();
    world.script.on("a.reconfigure", || Ok(()));
    let instance = world.host.instance("a").unwrap();
    assert_eq!(update(&world, json!({"options": {"depth": 2}})).unwrap(), ["options.depth"]);
    let config = r#"{"options":{"depth":2,"keep":true}}"#;
    let steps = [format!("a.reconfigure options.depth {config}"), "a.reconfigure".to_owned()];
    assert_eq!(world.log(), steps);
    assert_eq!(config_of(&world).to_string(), config);
    assert!(Arc::ptr_eq(&instance, &world.host.instance("a").unwrap()));
    assert_eq!(world.events.names(), ["plugin.reconfigured"]);
    assert_eq!(update(&world, json!({"options": {"depth": 2}})).unwrap(), [] as [&str; 0]);
    assert_eq!((world.log(), world.events.names()), (Vec::new(), Vec::new()));
    assert_eq!(world.host.stop(None, false).unwrap(), ["b", "a"]);
}

#[test]
fn a_plugin_that_cannot_is_replaced_by_one_that_was_started_with_it() {
    let world = world();
    let old = Arc::downgrade(&world.host.instance("a").unwrap());
    assert_eq!(update(&world, json!({"options": {"new": null}})).unwrap(), ["options.new"]);
    assert_eq!(world.did("initialize"), ["a"]);
    assert!(old.upgrade().is_none());
    let expected = json!({"options": {"depth": 1, "keep": true, "new": null}});
    assert_eq!(world.host.instance("a").unwrap().config, expected);
    assert_eq!(world.states(), "a running, b running");
    assert_eq!(world.host.stop(None, false).unwrap(), ["b", "a"]);
}

#[test]
fn a_rejected_one_leaves_the_old_one_in_force() {
    let world = world();
    let before = config_of(&world);
    for (step, config) in [
        ("a.initialize", json!({"options": {"depth": 2}})),
        ("a.reconfigure", json!({"options": {"depth": 3}})),
    ] {
        world.script.fail(step, ErrorKind::Execution);
        assert!(update(&world, config).unwrap_err().message().contains(step));
        assert_eq!(
            (config_of(&world), world.states().as_str()),
            (before.clone(), "a running, b running")
        );
    }
    let error = update(&world, json!({"options": {"timeout": -1}})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(config_of(&world), before);
    world.script.mend("a.reconfigure");
    world.script.mend("a.initialize");
    assert_eq!(update(&world, json!({"options": {"keep": false}})).unwrap(), ["options.keep"]);
    assert_eq!(config_of(&world), json!({"options": {"depth": 1, "keep": false}}));
}

#[test]
fn enabled_switches_it_off_and_on() {
    let world = world();
    assert_eq!(update(&world, json!({"enabled": false})).unwrap(), ["enabled"]);
    assert_eq!(world.did("cleanup"), ["b", "a"]);
    assert_eq!(world.states(), "a disabled, b stopped");
    assert_eq!(update(&world, json!({"enabled": true})).unwrap(), ["enabled"]);
    assert_eq!(world.states(), "a registered, b stopped");
}

#[test]
fn enabled_switches_off_what_does_not_run() {
    let world = world();
    world.host.stop(None, false).unwrap();
    assert_eq!(update(&world, json!({"enabled": false})).unwrap(), ["enabled"]);
    assert_eq!(world.states(), "a disabled, b stopped");
}

#[test]
fn what_failed_to_clean_up_is_cleaned_up_before_it_is_switched_off() {
    let world = world();
    world.script.fail("a.cleanup", ErrorKind::Cleanup);
    assert!(world.host.stop(None, false).is_err());
    assert!(update(&world, json!({"enabled": false})).is_err());
    assert_eq!(world.states(), "a failed, b stopped");
    world.script.mend("a.cleanup");
    world.log();
    assert_eq!(update(&world, json!({"enabled": false})).unwrap(), ["enabled"]);
    assert_eq!(
        (world.did("cleanup"), world.states().as_str()),
        (vec!["a".to_owned()], "a disabled, b stopped")
    );
}

#[test]
fn what_was_switched_off_by_hand_stays_off_until_the_configuration_switches_it_on() {
    let world = world();
    world.host.disable("a").unwrap();
    assert_eq!(update(&world, json!({"options": {"depth": 2}})).unwrap(), ["options.depth"]);
    assert_eq!(world.states(), "a disabled, b stopped");
    assert_eq!(update(&world, json!({"enabled": true})).unwrap(), ["enabled"]);
    assert_eq!(world.states(), "a registered, b stopped");
}

#[test]
fn a_call_that_found_the_entry_before_does_not_come_in_through_it() {
    let world = world();
    world.script.on("a.reconfigure", || Ok(()));
    let found = world.host.entry("a").unwrap();
    update(&world, json!({"options": {"depth": 2}})).unwrap();
    assert_eq!(found.admit("act").err().unwrap().kind(), ErrorKind::State);
    world.host.stop(None, false).unwrap();
    assert_eq!(world.did("cleanup"), ["b", "a"]);
}

#[test]
fn switching_off_meets_whatever_takes_the_place_of_the_plugin_meanwhile() {
    let world = Arc::new(world());
    world.script.on("a.reconfigure", || Ok(()));
    let (begun, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let waits = [Arc::clone(&begun), Arc::clone(&go_on)];
    world.script.on("b.cleanup", move || {
        for barrier in &waits {
            barrier.wait();
        }
        Ok(())
    });
    thread::scope(|scope| {
        let other = scope.spawn(|| world.host.stop(Some("b"), false));
        begun.wait(); // its turn: the two that follow wait
        let updates = scope.spawn(|| update(&world, json!({"options": {"depth": 2}})));
        let switches = scope.spawn(|| world.host.disable("a"));
        go_on.wait();
        other.join().unwrap().unwrap();
        updates.join().unwrap().unwrap();
        switches.join().unwrap().unwrap();
    });
    assert_eq!(world.states(), "a disabled, b stopped"); // whichever of them was first
}

#[test]
fn what_does_not_run_takes_it_when_it_starts_and_stays_what_it_is() {
    let world = world();
    world.script.fail("b.initialize", ErrorKind::Execution);
    world.host.stop(None, false).unwrap();
    world.log();
    update(&world, json!({"options": {"depth": 9}})).unwrap();
    assert_eq!((world.states().as_str(), world.log()), ("a stopped, b stopped", Vec::new()));
    world.host.start(None).unwrap();
    assert_eq!(world.host.instance("a").unwrap().config["options"]["depth"], 9);
    let b = |config: Value| world.host.update_config("b", config.as_object().unwrap());
    b(json!({"options": {"x": 1}})).unwrap();
    assert_eq!(world.failures(), ["initialize b: b.initialize failed"]);
}

#[test]
fn an_invalid_configuration_is_mended_by_it() {
    let settings = json!({"a": {"config": {"options": {"timeout": "soon"}}}});
    let world = World::configured(settings, &["a"]);
    assert_eq!(world.states(), "a failed");
    assert_eq!(update(&world, json!({"options": {"timeout": 5}})).unwrap(), ["options"]);
    assert_eq!((world.states().as_str(), world.failures()), ("a registered", Vec::new()));
}

#[test]
fn the_settings_can_be_replaced_as_a_whole() {
    let world = world();
    let settings = |value| Settings::new(Manifest::from_value(value, "new", Owner::User).unwrap());
    let wide = json!({"*": {"config": {"options": {"depth": 1, "keep": true}}}});
    let changed = world.host.update_settings(settings(wide)).unwrap();
    assert_eq!(changed, [("b".to_owned(), vec!["options".to_owned()])]);
    let wrong = json!({"a": {"config": {"options": {"timeout": 0}}}, "b": {"config": {"x": 1}}});
    let error = world.host.update_settings(settings(wrong)).unwrap_err();
    assert!(error.message().contains("options.timeout"), "{error}");
    assert_eq!(world.host.describe("b").unwrap().1.unwrap().value, json!({"x": 1}));
    assert_eq!(config_of(&world), json!({"options": {"depth": 1, "keep": true}}));
    assert!(world.host.update_config("c", &Map::new()).is_err());
}

#[test]
fn what_is_added_gives_way_to_what_is_configured() {
    let world = world();
    let added = |value| Settings::new(Manifest::from_value(value, "new", Owner::User).unwrap());
    let more = json!({"a": {"config": {"options": {"depth": 9, "new": 1}}}, "c": {"type": "mcp"}});
    world.host.add_settings(&added(more)).unwrap();
    assert_eq!(config_of(&world), json!({"options": {"depth": 1, "keep": true, "new": 1}}));
    assert_eq!(world.host.to_be_made(), [("c".to_owned(), "mcp".to_owned())]);
    assert_eq!(world.did("initialize"), ["a"]); // nothing is said of "b"
    let wrong = json!({"b": {"config": {"options": {"timeout": 0}}}, "d": {"type": "mcp"}});
    assert!(world.host.add_settings(&added(wrong)).is_err());
    assert_eq!(world.host.to_be_made().len(), 1);
    assert_eq!(world.states(), "a running, b running");
    let again = json!({"a": {"config": {"options": {"new": 2}}}});
    world.host.add_settings(&added(again)).unwrap();
    let file = json!({"a": {"config": {"options": {"depth": 3}}}});
    world.host.update_settings(added(file)).unwrap();
    assert_eq!(config_of(&world), json!({"options": {"depth": 3, "new": 2}}));
    assert_eq!(world.host.to_be_made().len(), 1);
}
