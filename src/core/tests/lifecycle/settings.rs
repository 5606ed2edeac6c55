//! Settings for plugins that do not exist.

use serde_json::json;

use super::fake::World;
use super::logs;
use crate::{Error, ErrorKind, Failure, Stage};

#[test]
fn a_name_that_does_not_exist_is_warned_of_once() {
    let settings = json!({
        "*": {}, "connection.*": {}, "search": {"config": {}}, "serach": {"config": {}}, "zzz": {},
    });
    let world = World::configured(settings, &["search", "db"]);
    let warned = logs::of(|| world.host.check_settings());
    assert_eq!(
        warned,
        [
            "zerepy_plugins.config: the configuration is for a plugin \"serach\" that does not \
             exist. Did you mean \"search\"?",
            "zerepy_plugins.config: the configuration is for a plugin \"zzz\" that does not \
             exist. Known: search, db",
        ]
    );
    assert!(logs::of(|| world.host.check_settings()).is_empty());
    assert!(world.failures().is_empty());
}

#[test]
fn a_plugin_that_is_broken_exists() {
    let world = World::configured(json!({"x": {}}), &[]);
    let error = Error::new(ErrorKind::Load, "no");
    let (plugin, origin) = (Some("x".to_owned()), "x.py".to_owned());
    world.host.accept(Vec::new(), vec![Failure { stage: Stage::Import, plugin, origin, error }]);
    assert!(logs::of(|| world.host.check_settings()).is_empty());
}
