//! Switching plugins off and on.

use serde_json::json;

use super::fake::World;
use crate::ErrorKind;

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
