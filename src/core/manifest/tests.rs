use serde_json::json;

use super::*;

fn user(document: Value) -> Result<Manifest> {
    Manifest::from_value(document, "zerepy.json", Owner::User)
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.entries.iter().map(|entry| entry.name.as_str()).collect()
}

fn written(name: &str, text: &str) -> Result<Manifest> {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    Manifest::read(&path, Owner::Plugin)
}

#[test]
fn an_entry_a_list_and_a_table_are_read_alike() {
    let entry = json!({"name": "db", "config": {"enabled": false}});
    for (document, expected) in [
        (entry.clone(), vec!["db"]),
        (json!([entry, {"name": "a"}]), vec!["db", "a"]),
        (json!({"plugins": [{"name": "z"}, {"name": "a"}]}), vec!["z", "a"]),
        (json!({"z": {"version": "1.0"}, "plugins": {}, "name": {}}), vec!["z", "plugins", "name"]),
        (
            json!({"*": {}, "action.*": {}, "connection.*": {}}),
            vec!["*", "action.*", "connection.*"],
        ),
        (json!({}), vec![]),
        (json!([]), vec![]),
    ] {
        assert_eq!(names(&user(document).unwrap()), expected);
    }
}

#[test]
fn every_field_arrives() {
    let text = r#"
        name = "db"
        version = "1.2"
        type = "connection"
        description = "A database"
        requires = ["net>=1", "log"]
        entry = "lib/db.py"
        [config]
        enabled = true
        [config.options]
        timeout = 2.5
        since = 2024-01-02
    "#;
    let manifest = written("plugin.toml", text).unwrap();
    let options = json!({"timeout": 2.5, "since": "2024-01-02"});
    let config = json!({"enabled": true, "options": options});
    let expected = ManifestEntry {
        name: "db".into(),
        version: Some("1.2".into()),
        category: Some(Category::Connection),
        made_by: None,
        description: Some("A database".into()),
        requires: vec!["net>=1".into(), "log".into()],
        entry: Some("lib/db.py".into()),
        config: config.as_object().unwrap().clone(),
    };
    assert_eq!(manifest.entries, [expected]);
}

#[test]
fn the_users_document_may_name_the_type_that_makes_a_plugin() {
    let document = json!([{"name": "files", "type": "mcp"}, {"name": "db", "type": "action"}]);
    let entries = user(document.clone()).unwrap().entries;
    let said: Vec<_> =
        entries.iter().map(|entry| (entry.category, entry.made_by.as_deref())).collect();
    assert_eq!(said, [(None, Some("mcp")), (Some(Category::Action), None)]);
    let error = Manifest::from_value(document, "plugin.json", Owner::Plugin).unwrap_err();
    let why = "plugins[0].type: \"mcp\" is not one of \"connection\" or \"action\"";
    assert!(error.message().contains(why), "{error}");
}

#[test]
fn all_problems_come_together_with_their_paths() {
    let error = user(json!([
        {"name": "db", "verison": "1", "version": "one", "type": 5},
        {"config": {"enabled": 1, "options": ["hunter2"]}},
        {"name": "*", "requires": ["a>", 5], "entry": "../x.py"},
        {"name": "db"},
        {"name": "a b"},
        7,
    ]))
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let lines: Vec<&str> = error.message().lines().map(str::trim).collect();
    let starts = [
        "zerepy.json has 12 problems:",
        "plugins[5]: must be an object with a \"name\"",
        "plugins[0].type: 5 is not of type \"string\"",
        "plugins[0].verison: unknown key. Did you mean \"version\"?",
        "plugins[0].version: \"one\" is not a version as in PEP 440, such as \"1.0.2\"",
        "plugins[1].name: is required",
        "plugins[1].config.enabled: the value is not of type",
        "plugins[1].config.options: the value is not of type \"object\"",
        "plugins[2].requires[1]: 5 is not of type \"string\"",
        "plugins[2].entry: \"../x.py\" is not a path below the manifest's directory",
        "plugins[2].requires[0]: the requirement \"a>\" cannot be read: ",
        "plugins[4].name: \"a b\" cannot be a plugin's name: it contains ' '",
        "plugins[3].name: \"db\" is there twice",
    ];
    assert_eq!(lines.len(), starts.len(), "{error}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn paths_in_tables_begin_with_the_name() {
    let error = user(json!({
        "search": {"version": 5}, "my.own": {"config": 1}, "x": 3, "y": {"name": "z"},
    }))
    .unwrap_err();
    assert_eq!(
        error.message(),
        "zerepy.json has 4 problems:\n  x: must be an object\n  y.name: must be the same as its \
         key, or left out\n  search.version: 5 is not of type \"string\"\n  [\"my.own\"].config: \
         the value is not of type \"object\""
    );
}

#[test]
fn scopes_are_for_users_only() {
    let error =
        Manifest::from_value(json!({"name": "*"}), "plugin.json", Owner::Plugin).unwrap_err();
    assert_eq!(
        error.message(),
        "plugin.json has a problem:\n  name: \"*\" cannot be a plugin's name: it contains '*'"
    );
}

#[test]
fn entries_stay_below_the_manifest() {
    for (entry, fine) in [
        ("db.py", true),
        ("lib/db.so", true),
        ("/etc/db.py", false),
        ("../db.py", false),
        ("lib/../../db.py", false),
        ("C:db.py", false),
        ("lib\\db.py", false),
        ("", false),
    ] {
        let result = user(json!({"name": "db", "entry": entry}));
        assert_eq!(result.is_ok(), fine, "{entry}");
    }
}

#[test]
fn syntax_errors_tell_line_and_column() {
    for (name, text, end) in [
        (
            "plugin.json",
            "{\n  \"name\": oops\n}",
            "is not JSON: expected value at line 2 column 11",
        ),
        ("plugin.toml", "name = \"a\"\nversion = oops\n", " at line 2 column 11"),
        (
            "plugin.toml",
            "name = \"a\"\n[config]\nx = nan\n",
            "the number NaN cannot be used in a configuration",
        ),
        ("plugin.yaml", "name: a", "is neither JSON nor TOML"),
    ] {
        let error = written(name, text).unwrap_err();
        assert!(error.message().ends_with(end), "{error}");
        assert!(error.message().contains(name), "{error}");
    }
}

#[test]
fn the_order_of_a_table_is_kept() {
    let manifest = written("plugin.toml", "[z]\n[a]\n[m]\n").unwrap();
    assert_eq!(names(&manifest), ["z", "a", "m"]);
}

#[test]
fn the_whole_schema_accepts_what_is_accepted_here() {
    let schema = serde_json::from_str(include_str!("../manifest.schema.json")).unwrap();
    let schema = crate::CompiledSchema::new(schema).unwrap();
    for document in [
        json!({"name": "db", "config": {"enabled": true, "options": {}, "more": 1}}),
        json!([{"name": "db"}]),
        json!({"plugins": [{"name": "db"}]}),
        json!({"db": {"version": "1"}, "*": {}}),
    ] {
        assert!(schema.accepts(&document), "{document}");
        assert!(user(document).is_ok());
    }
    assert!(!schema.accepts(&json!({"name": "db", "verison": "1"})));
}

#[test]
fn debug_leaves_the_configuration_out() {
    let manifest = user(json!({"name": "db", "config": {"options": {"key": "hunter2"}}})).unwrap();
    assert!(!format!("{manifest:?}").contains("hunter2"));
}
