use serde_json::json;

use super::*;
use crate::{Category, Manifest, Owner};

/// The configuration of the connection "my-db" with all that has a say.
struct Case {
    schema: Value,
    manifest: Value,
    settings: Value,
    environment: &'static [(&'static str, &'static str)],
}

impl Case {
    fn new(settings: Value) -> Self {
        Self { schema: Value::Null, manifest: json!({}), settings, environment: &[] }
    }

    fn schema(self, schema: Value) -> Self {
        Self { schema, ..self }
    }

    fn manifest(self, manifest: Value) -> Self {
        Self { manifest, ..self }
    }

    fn environment(self, environment: &'static [(&'static str, &'static str)]) -> Self {
        Self { environment, ..self }
    }

    fn run(self) -> Result<Config> {
        let document = Manifest::from_value(self.settings, "zerepy.json", Owner::User).unwrap();
        let info = PluginInfo {
            name: "my-db".into(),
            version: "1.0".into(),
            category: Category::Connection,
            description: String::new(),
            requires: Vec::new(),
            config_schema: Some(self.schema).filter(|schema| !schema.is_null()),
            actions: Vec::new(),
        };
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| ((*name).into(), (*value).into()));
        let manifest = self.manifest.as_object().unwrap();
        effective_config(&info, manifest, &Settings::new(document), &environment.collect())
    }

    fn value(self) -> Value {
        self.run().unwrap().value
    }

    /// The problems, one a line.
    fn problems(self) -> Vec<String> {
        let error = self.run().unwrap_err();
        assert_eq!((error.kind(), error.plugin()), (ErrorKind::Config, Some("my-db")));
        error.message().lines().skip(1).map(|line| line.trim().to_owned()).collect()
    }
}

/// The settings of "my-db" with these options.
fn options(options: &Value) -> Value {
    json!({"my-db": {"config": {"options": options}}})
}

/// A schema with these properties of `options`.
fn options_schema(properties: &Value) -> Value {
    json!({"properties": {"options": {"type": "object", "properties": properties}}})
}

#[test]
fn later_scopes_win_and_objects_are_merged() {
    let settings = json!({
        "*": {"config": {"options": {"all": 1, "category": 1, "plugin": 1, "env": 1}}},
        "connection.*": {"config": {"options": {"category": 2, "plugin": 2, "env": 2}}},
        "action.*": {"config": {"options": {"all": "not for a connection"}}},
        "my-db": {"config": {"options": {"plugin": 3, "env": 3, "list": [3]}}},
    });
    let case = Case::new(settings)
        .schema(options_schema(&json!({"schema": {"default": 0}, "manifest": {"default": 0}})))
        .manifest(json!({"options": {"manifest": 1, "all": 0, "list": [1, 2]}, "own": true}))
        .environment(&[("ZEREPY_PLUGIN__MY_DB__OPTIONS__ENV", "4")]);
    assert_eq!(
        case.value(),
        json!({
            "options": {
                "schema": 0, "manifest": 1, "all": 1, "category": 2, "plugin": 3, "env": 4,
                "list": [3],
            },
            "own": true,
        })
    );
}

#[test]
fn defaults_fill_in_what_is_missing() {
    let schema = json!({
        "$ref": "#/$defs/config",
        "$defs": {
            "config": {"properties": {
                "options": {"properties": {
                    "port": {"default": 5432},
                    "pool": {"default": {"min": 1, "max": 9}},
                    "tls": {"required": ["cert"], "properties": {"verify": {"default": true}, "cert": {}}},
                    "loop": {"$ref": "#/$defs/loop"},
                }},
            }},
            "loop": {"properties": {"next": {"default": {}, "$ref": "#/$defs/loop"}}},
        },
    });
    let value = Case::new(json!({})).schema(schema.clone()).value();
    assert_eq!(value["options"]["port"], 5432);
    assert_eq!(value["options"]["pool"], json!({"min": 1, "max": 9}));
    assert_eq!(value["options"].get("tls"), None, "it would not be complete");

    let settings = options(&json!({"port": 1, "pool": {"max": 3}, "tls": {"cert": "x"}}));
    let value = Case::new(settings).schema(schema).value();
    assert_eq!(value["options"]["port"], 1);
    assert_eq!(value["options"]["pool"], json!({"min": 1, "max": 3}));
    assert_eq!(value["options"]["tls"], json!({"cert": "x", "verify": true}));
}

#[test]
fn schemas_that_contain_themselves_do_not_take_for_ever() {
    let names: Vec<String> = (0..12).map(|n| format!("n{n}")).collect();
    let node = |default: bool| {
        let child = if default {
            json!({"$ref": "#/$defs/node", "default": {}})
        } else {
            json!({"$ref": "#/$defs/node"})
        };
        let properties: Map<_, _> =
            names.iter().map(|name| (name.clone(), child.clone())).collect();
        json!({"$ref": "#/$defs/node", "$defs": {"node": {"properties": properties}}})
    };
    assert_eq!(Case::new(json!({})).schema(node(false)).value(), json!({}));
    let value = Case::new(json!({})).schema(node(true)).value();
    assert_eq!(value.as_object().unwrap().len(), 12);
}

#[test]
fn the_environment_finds_the_keys_that_are_meant() {
    let case = Case::new(options(&json!({"camelCase": 1, "with-dash": 1})))
        .schema(options_schema(&json!({"apiKey": {"type": "string"}, "n": {"type": "integer"}})))
        .environment(&[
            ("ZEREPY_PLUGIN__MY_DB__ENABLED", "true"),
            ("ZEREPY_PLUGIN__MY_DB__OPTIONS", "{\"n\": 1, \"m\": [1]}"),
            ("ZEREPY_PLUGIN__MY_DB__OPTIONS__APIKEY", "12345"),
            ("ZEREPY_PLUGIN__MY_DB__OPTIONS__CAMELCASE", "null"),
            ("ZEREPY_PLUGIN__MY_DB__OPTIONS__NEW_KEY", "plain text ${X}"),
            ("ZEREPY_PLUGIN__MY_DB__OPTIONS__WITH_DASH__DEEPER", "2"),
            ("ZEREPY_PLUGIN__OTHER__OPTIONS__APIKEY", "not for it"),
        ]);
    let config = case.run().unwrap();
    assert_eq!(
        config.value,
        json!({
            "options": {
                "camelCase": null, "with-dash": {"deeper": 2}, "n": 1, "m": [1], "apiKey": "12345",
                "new_key": "plain text ${X}",
            },
            "enabled": true,
        })
    );
    assert_eq!(config.redacted["options"]["apiKey"], "${ZEREPY_PLUGIN__MY_DB__OPTIONS__APIKEY}");
    let case = Case::new(json!({})).environment(&[("ZEREPY_PLUGIN__MY_DB__A____B", "1")]);
    assert_eq!(
        case.problems(),
        [
            "config: the environment variable ZEREPY_PLUGIN__MY_DB__A____B has an empty key in its name"
        ]
    );
}

#[test]
fn variables_are_filled_in() {
    for (text, expected) in [
        ("${TOKEN}", json!("t0k")),
        ("Bearer ${TOKEN}!", json!("Bearer t0k!")),
        ("${TOKEN}${NUMBER}", json!("t0k5")),
        ("$${TOKEN}", json!("${TOKEN}")),
        ("a $${b} ${TOKEN} $", json!("a ${b} t0k $")),
        ("${GONE:-some default}", json!("some default")),
        ("${EMPTY:-x}", json!("x")),
        ("${EMPTY}", json!("")),
        ("${GONE:-}", json!("")),
        ("${NUMBER}", json!("5")),
        ("${NESTED}", json!("${TOKEN}")),
    ] {
        let case = Case::new(options(&json!({"list": [{"x": text}]}))).environment(&[
            ("TOKEN", "t0k"),
            ("NUMBER", "5"),
            ("EMPTY", ""),
            ("NESTED", "${TOKEN}"),
        ]);
        assert_eq!(case.value()["options"]["list"][0]["x"], expected, "{text}");
    }
}

#[test]
fn a_variable_alone_becomes_what_the_schema_wants() {
    let schema = options_schema(&json!({
        "port": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "text": {"type": ["string", "integer"]},
    }));
    let settings = options(&json!({"port": "${N}", "text": "${N}", "timeout": "${N}"}));
    let value = Case::new(settings).schema(schema).environment(&[("N", "5")]).value();
    assert_eq!(value["options"], json!({"port": 5, "text": "5", "timeout": 5}));
}

#[test]
fn all_problems_come_together_and_name_no_secret() {
    let schema = json!({
        "additionalProperties": false,
        "properties": {"options": {
            "required": ["host"], "additionalProperties": false,
            "properties": {
                "host": {"type": "string"},
                "port": {"type": "integer"},
                "password": {"type": "string", "format": "password", "minLength": 20},
                "keys": {"type": "array", "items": {"type": "integer", "secret": true}},
                "token": {"type": "integer"},
                "size": {"type": "integer"},
            },
        }},
    });
    let settings = json!({"my-db": {"config": {
        "enabled": true,
        "optoins": 1,
        "options": {
            "port": "x", "password": "hunter2", "keys": [1, "hunter2"], "token": "${TOKEN}",
            "size": "${SIZE}", "prot": 1, "timeout": 0, "retries": "many", "bad": "${no} ${1x} ${",
        },
    }}});
    let case = Case::new(settings).schema(schema).environment(&[("TOKEN", "hunter2")]);
    assert_eq!(
        case.problems(),
        [
            "config.options.size: the environment variable SIZE is not set",
            "config.options.bad: the environment variable no is not set",
            "config.options.bad: \"${\" is followed by no variable's name; write \"$${\" if it is \
             meant as it stands",
            "config.options.bad: \"${\" is not closed; write \"$${\" if it is meant as it stands",
            "config.options.timeout: 0 is less than or equal to the minimum of 0",
            "config.options.retries: \"many\" is not of type \"integer\"",
            "config.options.port: \"x\" is not of type \"integer\"",
            "config.options.password: the value is shorter than 20 characters",
            "config.options.keys[1]: the value is not of type \"integer\"",
            "config.options.token: the value is not of type \"integer\"",
            "config.options.prot: unknown key. Did you mean \"port\"?",
            "config.options.bad: unknown key. Known: host, port, password, keys, token, size",
            "config.options.host: is required",
            "config.optoins: unknown key. Did you mean \"options\"?",
        ]
    );
}

#[test]
fn the_hosts_own_keys_need_not_be_declared() {
    let strict = json!({"type": "object", "additionalProperties": false});
    let settings = json!({"my-db": {"config": {
        "enabled": true, "options": {"timeout": 1.5, "retries": 2},
    }}});
    let case = Case::new(settings.clone()).schema(strict);
    assert_eq!(case.value(), settings["my-db"]["config"]);

    let own = options_schema(&json!({"timeout": {"type": "string"}}));
    let settings = options(&json!({"timeout": "soon"}));
    assert_eq!(Case::new(settings).schema(own).value()["options"]["timeout"], "soon");
}

#[test]
fn what_is_shown_has_no_secrets() {
    let schema = json!({
        "properties": {"options": {
            "properties": {
                "password": {"$ref": "#/$defs/secret"},
                "empty": {"$ref": "#/$defs/secret"},
                "mixed": {"$ref": "#/$defs/secret"},
                "logins": {"items": {"properties": {"key": {"writeOnly": true}}}},
            },
        }},
        "$defs": {"secret": {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]}},
    });
    let config = Case::new(options(&json!({
        "password": "hunter2", "empty": null, "mixed": "${TOKEN:-hunter2}",
        "logins": [{"user": "u", "key": {"a": "hunter2"}}],
        "url": "https://${TOKEN}@host", "plain": "x",
    })))
    .schema(schema)
    .environment(&[("TOKEN", "hunter2")])
    .run()
    .unwrap();
    assert_eq!(
        config.redacted["options"],
        json!({
            "password": "***", "empty": null, "mixed": "***",
            "logins": [{"user": "u", "key": "***"}],
            "url": "https://${TOKEN}@host", "plain": "x",
        })
    );
    assert_eq!(config.value["options"]["url"], "https://hunter2@host");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_disabled_plugin_may_be_half_configured() {
    let settings = json!({"my-db": {"config": {"enabled": false, "options": {"key": "${GONE}"}}}});
    let config = Case::new(settings).run().unwrap();
    assert!(!config.enabled);
    let invalid = config.invalid.unwrap();
    assert_eq!(
        invalid.message(),
        "the configuration of plugin \"my-db\" has a problem:\n  config.options.key: the \
         environment variable GONE is not set"
    );
    assert!(Case::new(json!({})).run().unwrap().enabled);
}

#[test]
fn a_wrong_schema_is_the_plugins_fault() {
    let error = Case::new(json!({})).schema(json!({"type": "objekt"})).run().unwrap_err();
    assert!(
        error.message().starts_with("the config_schema of plugin \"my-db\" is wrong: "),
        "{error}"
    );
}

#[test]
fn settings_are_replaced_by_name_and_keep_quiet() {
    let document = Manifest::from_value(
        json!({"*": {}, "db": {"config": {"key": "hunter2"}}}),
        "zerepy.json",
        Owner::User,
    );
    let mut settings = Settings::new(document.unwrap());
    assert_eq!(settings.plugins().collect::<Vec<_>>(), ["db"]);
    assert!(!format!("{settings:?}").contains("hunter2"));
    let old = settings.set("db", Map::new()).unwrap();
    assert_eq!(old["key"], "hunter2");
    assert!(settings.get("db").unwrap().is_empty());
    let environment = Environment::from_iter([("KEY".to_owned(), "hunter2".to_owned())]);
    assert!(!format!("{environment:?}").contains("hunter2"));
}
