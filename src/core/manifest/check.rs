//! What must hold for an entry, beside what its schema says.

use std::collections::HashSet;
use std::path::{Component, Path};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Owner;
use super::scope::is_scope;
use super::shape::Draft;
use crate::Category;
use crate::names::check_name;
use crate::requirement::{Requirement, is_version};
use crate::schema::{CompiledSchema, Places};

/// The schema of one entry, a part of that of all documents.
static ENTRY: LazyLock<CompiledSchema> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(include_str!("../manifest.schema.json"))
        .expect("the file is JSON, as the tests see");
    CompiledSchema::new(json!({"$ref": "#/$defs/entry", "$defs": document["$defs"]}))
        .expect("the file is a JSON Schema, as the tests see")
});

/// Adds all that is wrong with an entry.
pub(super) fn entry(draft: &Draft, owner: Owner, problems: &mut Vec<String>) {
    let fields = Value::Object(draft.fields.clone());
    let mut hidden = Places::default();
    hidden.insert("/config");
    problems.extend(ENTRY.problems_hiding(&draft.path, &fields, &hidden, &Places::default()));

    let mut complain = |key: &str, what: String| {
        let dot = if draft.path.is_empty() { "" } else { "." };
        problems.push(format!("{}{dot}{key}: {what}", draft.path));
    };
    let text = |key: &str| draft.fields.get(key).and_then(Value::as_str);
    if let Some(name) = text("name")
        && !(owner == Owner::User && is_scope(name))
        && let Err(error) = check_name(name)
    {
        complain("name", error.message().to_owned());
    }
    if let Some(kind) = text("type")
        && owner == Owner::Plugin
        && kind.parse::<Category>().is_err()
    {
        complain("type", format!("{kind:?} is not one of \"connection\" or \"action\""));
    }
    if let Some(version) = text("version").filter(|version| !is_version(version)) {
        complain(
            "version",
            format!("{version:?} is not a version as in PEP 440, such as \"1.0.2\""),
        );
    }
    if let Some(entry) = text("entry").filter(|entry| !is_below(entry)) {
        complain("entry", format!("{entry:?} is not a path below the manifest's directory"));
    }
    let requires = draft.fields.get("requires").and_then(Value::as_array);
    for (index, text) in requires.into_iter().flatten().enumerate() {
        if let Some(Err(error)) = text.as_str().map(str::parse::<Requirement>) {
            complain(&format!("requires[{index}]"), error.message().to_owned());
        }
    }
}

/// Adds a problem for each name that was there before.
pub(super) fn names_differ(drafts: &[Draft], problems: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for draft in drafts {
        if let Some(name) = draft.fields.get("name").and_then(Value::as_str)
            && !seen.insert(name)
        {
            problems.push(format!("{}.name: {name:?} is there twice", draft.path));
        }
    }
}

/// Whether a path stays within the directory it is relative to; `\` would be one elsewhere.
fn is_below(path: &str) -> bool {
    !path.contains('\\')
        && !path.contains(':')
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
