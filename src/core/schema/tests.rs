use serde_json::json;

use super::*;

fn problems(schema: &Value, value: &Value) -> Vec<String> {
    CompiledSchema::new(schema.clone()).unwrap().problems("params", value)
}

#[test]
fn all_problems_are_told_each_with_its_path() {
    let schema = json!({
        "type": "object", "required": ["query"], "additionalProperties": false,
        "properties": {
            "query": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    });
    assert_eq!(
        problems(&schema, &json!({"limit": 0, "tags": ["a", 5], "querry": "x"})),
        [
            "params.limit: 0 is less than the minimum of 1",
            "params.tags[1]: 5 is not of type \"string\"",
            "params.querry: unknown key. Did you mean \"query\"?",
            "params.query: is required",
        ]
    );
    assert_eq!(problems(&schema, &json!([1])), ["params: the value is not of type \"object\""]);
    assert!(problems(&schema, &json!({"query": "x"})).is_empty());
}

#[test]
fn alternatives_are_told_as_types_or_as_the_one_that_was_meant() {
    let schema = json!({
        "properties": {
            "port": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "tls": {"anyOf": [
                {"type": "object", "required": ["cert"]},
                {"type": "null"},
            ]},
        },
    });
    assert_eq!(
        problems(&schema, &json!({"port": "x", "tls": {}})),
        [
            "params.port: \"x\" is not of type \"integer\" or \"null\"",
            "params.tls.cert: is required",
        ]
    );
}

#[test]
fn secrets_are_found_through_references_alternatives_and_lists() {
    let schema = CompiledSchema::new(json!({
        "properties": {
            "token": {"type": "string", "writeOnly": true},
            "login": {"$ref": "#/$defs/login"},
            "maybe": {"anyOf": [{"$ref": "#/$defs/login"}, {"type": "null"}]},
            "keys": {"type": "array", "items": {"secret": true}},
            "many": {"additionalProperties": {"allOf": [{"$ref": "#/$defs/login"}]}},
            "plain": {"type": "string"},
        },
        "$defs": {
            "login": {
                "properties": {
                    "password": {"type": "string", "format": "password"},
                    "next": {"$ref": "#/$defs/login"},
                },
            },
        },
    }))
    .unwrap();
    let login = json!({"user": "u", "password": "p"});
    let value = json!({
        "token": "t", "login": {"password": "p", "next": login}, "maybe": login,
        "keys": ["k"], "many": {"a/b": login}, "plain": "x",
    });
    let secrets = schema.secrets(&value);
    assert_eq!(
        secrets.iter().collect::<Vec<_>>(),
        [
            "/keys/0",
            "/login/next/password",
            "/login/password",
            "/many/a~1b/password",
            "/maybe/password",
            "/token",
        ]
    );
    assert!(secrets.cover("/token/below") && !secrets.cover("/tokens"));
}

#[test]
fn what_is_behind_a_reference_that_is_not_followed_counts_as_secret() {
    let schema = CompiledSchema::new(json!({
        "$id": "https://example.com/config",
        "properties": {
            "anchor": {"$ref": "#key"},
            "absolute": {"$ref": "https://example.com/config#/$defs/plain"},
            "plain": {"$ref": "#/$defs/plain"},
        },
        "$defs": {"key": {"$anchor": "key", "secret": true}, "plain": {"type": "string"}},
    }))
    .unwrap();
    let secrets = schema.secrets(&json!({"anchor": "a", "absolute": "b", "plain": "c"}));
    assert_eq!(secrets.iter().collect::<Vec<_>>(), ["/anchor"]);
}

#[test]
fn secrets_and_what_contains_them_are_never_quoted() {
    let schema = json!({
        "properties": {
            "key": {"type": "string", "secret": true, "pattern": "^sk-", "minLength": 90},
            "either": {"anyOf": [{"type": "integer", "secret": true}, {"type": "null"}]},
            "wrap": {"not": {"required": ["key"]}, "properties": {"key": {"secret": true}}},
        },
    });
    let value = json!({"key": "hunter2", "either": "hunter2", "wrap": {"key": "hunter2"}});
    let lines = problems(&schema, &value);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(!lines.concat().contains("hunter2"), "{lines:?}");
    assert!(
        lines.contains(&"params.either: the value is not of type \"integer\" or \"null\"".into())
    );
}

#[test]
fn a_circle_of_references_does_not_hang() {
    let schema = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]},
        "b": {"properties": {"x": {"$ref": "#"}, "s": {"secret": true}}}}});
    let schema = CompiledSchema::new(schema).unwrap();
    let secrets = schema.secrets(&json!({"x": {"x": {"s": 1}}}));
    assert_eq!(secrets.iter().collect::<Vec<_>>(), ["/x/x/s"]);
}

#[test]
fn what_is_no_schema_is_refused() {
    let error = CompiledSchema::new(json!({"properties": {"a": {"type": "strin"}}})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.message().starts_with("the schema is not a JSON Schema at properties.a.type: "),
        "{error}"
    );
    let error = CompiledSchema::new(json!({"$ref": "https://example.com/s.json"})).unwrap_err();
    assert!(error.message().starts_with("the schema is not a JSON Schema: "), "{error}");
}

#[test]
fn paths_are_written_as_programmers_do() {
    let document = json!({"a": [{"0": {"x.y": 1}}]});
    for (pointer, text) in [
        ("", "config"),
        ("/a/0/0", "config.a[0].0"),
        ("/a/0/0/x.y", "config.a[0].0[\"x.y\"]"),
        ("/not/there", "config.not.there"),
    ] {
        assert_eq!(places::dotted("config", pointer, &document), text);
    }
    assert_eq!(places::dotted("", "/a/0", &document), "a[0]");
}

#[test]
fn findings_say_what_is_expected_and_what_is_there() {
    let schema = CompiledSchema::new(json!({
        "required": ["query", "any"], "additionalProperties": false,
        "properties": {
            "query": {"type": ["string", "null"]}, "any": {},
            "limit": {"type": "integer", "minimum": 1},
            "unit": {"enum": ["C", "F"]},
            "key": {"type": "integer", "secret": true},
            "when": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    }))
    .unwrap();
    let value =
        json!({"limit": 0, "unit": "K", "key": "hunter2", "when": "x", "tags": [[]], "z": 1});
    let findings = schema.findings("params", &value);
    let said: Vec<_> = findings
        .iter()
        .map(|found| (found.path.as_str(), found.expected.as_str(), found.got.as_str()))
        .collect();
    for expected in [
        ("params.query", "string or null", "nothing"),
        ("params.any", "a value", "nothing"),
        ("params.limit", "at least 1", "integer 0"),
        ("params.unit", r#"one of ["C","F"]"#, r#"string "K""#),
        ("params.key", "integer", "string"),
        ("params.when", "integer or null", r#"string "x""#),
        ("params.tags[0]", "string", "array"),
        ("params.z", "one of the keys query, any, limit, unit, key, when, tags", r#"the key "z""#),
    ] {
        assert!(said.contains(&expected), "{expected:?} is not among {said:#?}");
    }
    assert_eq!(said.len(), 8);
    assert!(schema.findings("params", &json!({"query": null, "any": 1})).is_empty());
}
