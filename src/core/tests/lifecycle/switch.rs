//! Switching plugins off and on.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::fake::{FakeClass, World};
use crate::{ErrorKind, Host, Result};

#[test]
fn a_plugin_that_is_off_is_not_started_until_it_is_switched_on() {
    let world = World::new(&["a", "b: a"]);
    world.host.disable("a").unwrap();
    world.host.disable("a").unwrap();
    assert_eq!(world.host.start(None).unwrap(), [""; 0]);
    assert_eq!(world.states(), "a disabled, b skipped");
    let error = world.host.start(Some("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    assert_eq!(
        error.to_string(),
        "plugin \"a\" is disabled and cannot be started. Switch it on with enable(\"a\") first"
    );
    world.host.enable("a").unwrap();
    assert_eq!(world.host.start(None).unwrap(), ["a", "b"]);
    world.host.enable("a").unwrap(); // it is on already
    for switched in [world.host.enable("c"), world.host.disable("c")] {
        assert_eq!(switched.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn a_plugin_cannot_switch_plugins_from_within_its_own_start() {
    type Switch = fn(&Host<FakeClass>) -> Result<()>;
    let switches: [(&str, Switch); 2] =
        [("disable", |host| host.disable("a")), ("enable", |host| host.enable("b"))];
    for step in ["a.pre_initialize", "a.initialize"] {
        for (name, switch) in switches {
            let world = World::new(&["a", "b"]);
            world.host.disable("b").unwrap();
            let host = Arc::downgrade(&world.host);
            world.script.on(step, move || switch(&host.upgrade().unwrap()));
            let error = world.host.start(Some("a")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::State);
            let within = format!("{name} was called by a plugin or hook within start_plugins");
            assert!(error.message().contains(&within), "{error}");
            assert_eq!(world.states(), "a failed, b disabled");
        }
    }
}

#[test]
fn switching_off_waits_for_whoever_starts_it() {
    let world = World::new(&["a"]);
    let end = world.script.hang("a.initialize");
    thread::scope(|scope| {
        let starting = scope.spawn(|| world.host.start(None));
        while world.states() != "a initializing" {
            thread::yield_now();
        }
        let switching = scope.spawn(|| world.host.disable("a"));
        thread::sleep(Duration::from_millis(5));
        assert!(!switching.is_finished());
        assert_eq!(world.states(), "a initializing");
        end.send(Ok(())).unwrap();
        assert_eq!(starting.join().unwrap().unwrap(), ["a"]);
        switching.join().unwrap().unwrap();
    });
    assert_eq!(world.states(), "a disabled");
    assert_eq!(world.did("cleanup"), ["a"]);
}

#[test]
fn switching_off_stops_it_and_what_needs_it() {
    let world = World::new(&["a", "b: a"]);
    world.host.start(None).unwrap();
    world.host.disable("a").unwrap();
    assert_eq!(world.did("cleanup"), ["b", "a"]);
    assert_eq!(world.states(), "a disabled, b stopped");
}

#[test]
fn what_fails_to_clean_up_is_not_switched_off() {
    let world = World::new(&["a"]);
    world.host.start(None).unwrap();
    world.script.fail("a.cleanup", ErrorKind::Cleanup);
    for _ in 0..2 {
        assert_eq!(world.host.disable("a").unwrap_err().kind(), ErrorKind::Cleanup);
        assert_eq!(world.states(), "a failed");
    }
    world.script.mend("a.cleanup");
    world.host.disable("a").unwrap();
    assert_eq!(world.states(), "a disabled");
    assert!(world.failures().is_empty());
}

#[test]
fn an_invalid_configuration_must_be_mended_before_it_is_switched_on() {
    let settings = json!({
        "a": {"config": {"enabled": false, "port": "high"}}, "b": {"config": {"port": "low"}},
    });
    let world = World::configured(settings, &[]);
    let mut plugins = ["a", "b"].map(|name| world.plugin(name));
    for plugin in &mut plugins {
        plugin.info.config_schema = Some(json!({"properties": {"port": {"type": "integer"}}}));
    }
    world.accept(plugins.into());
    assert_eq!(world.states(), "a disabled, b failed");
    world.host.disable("b").unwrap();
    for plugin in ["a", "b"] {
        let error = world.host.enable(plugin).unwrap_err();
        assert_eq!((error.kind(), error.plugin()), (ErrorKind::Config, Some(plugin)));
        assert!(error.message().contains("config.port: "), "{error}");
    }
    assert_eq!(world.states(), "a disabled, b disabled");
    assert_eq!(world.host.start(None).unwrap(), [""; 0]);
    assert!(world.log().is_empty());
}
