//! Instances without a host.

use serde_json::{Value, json};

use super::fake::World;
use crate::{Category, Environment, ErrorKind, create};

fn configured() -> World {
    let world = World::new(&[]);
    let mut plugin = world.plugin("db");
    plugin.info.config_schema = Some(json!({"properties": {
        "port": {"type": "integer", "default": 5432}, "host": {"type": "string"},
    }}));
    plugin.defaults = json!({"host": "localhost"}).as_object().unwrap().clone();
    world.registry.register(plugin, false).unwrap();
    world
}

fn created(world: &World, category: Category, document: Value) -> Result<Value, crate::Error> {
    let environment = Environment::default();
    create(&world.registry, category, document, &environment).map(|instance| instance.config)
}

#[test]
fn an_instance_is_made_from_the_manifest_shape_with_defaults() {
    let world = configured();
    for (config, expected) in [
        (json!({}), json!({"host": "localhost", "port": 5432})),
        (
            json!({"enabled": true, "host": "there", "options": {"timeout": 30, "retries": 3}}),
            json!({
                "enabled": true, "host": "there", "options": {"timeout": 30, "retries": 3},
                "port": 5432,
            }),
        ),
    ] {
        let document =
            json!({"name": "db", "version": "1.0", "type": "connection", "config": config});
        assert_eq!(created(&world, Category::Connection, document).unwrap(), expected);
    }
    assert!(world.log().is_empty()); // it is not initialized
}

#[test]
fn every_mistake_is_said_before_anything_is_created() {
    let world = configured();
    world.script.fail("db.create", ErrorKind::Execution); // would show if it were tried
    for (category, document, kind, message) in [
        (
            Category::Connection,
            json!({"name": "bd"}),
            ErrorKind::NotFound,
            "no connection plugin is called \"bd\". Did you mean \"db\"?",
        ),
        (
            Category::Action,
            json!({"name": "db"}),
            ErrorKind::NotFound,
            "no action plugin is called \"db\". There are none",
        ),
        (
            Category::Action,
            json!({"name": "db", "type": "connection"}),
            ErrorKind::Config,
            "config.type: \"db\" is of type connection, asked for was action",
        ),
        (
            Category::Connection,
            json!([]),
            ErrorKind::Config,
            "config: it must describe one plugin. Pass {\"name\": …, \"config\": {…}}",
        ),
    ] {
        let error = created(&world, category, document).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
    }
}

#[test]
fn an_invalid_configuration_is_refused_also_for_a_disabled_plugin() {
    let world = configured();
    for enabled in [true, false] {
        let document =
            json!({"name": "db", "config": {"enabled": enabled, "port": "x", "host": 1}});
        let error = created(&world, Category::Connection, document).unwrap_err();
        assert_eq!((error.kind(), error.plugin()), (ErrorKind::Config, Some("db")));
        assert!(error.message().contains("has 2 problems"), "{error}");
    }
}

#[test]
fn a_failure_to_create_names_the_plugin() {
    let world = configured();
    world.script.fail("db.create", ErrorKind::Execution);
    let error = created(&world, Category::Connection, json!({"name": "db"})).unwrap_err();
    assert_eq!((error.plugin(), error.message()), (Some("db"), "db.create failed"));
}
