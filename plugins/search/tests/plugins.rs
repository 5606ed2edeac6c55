//! Both plugins as a host runs them: through the exported tables.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use zerepy_plugin::testing::{Failure, Harness};
use zerepy_plugin_search::{Search, Similar};

fn search() -> Harness<Search> {
    let search = Harness::<Search>::start(&json!({})).unwrap();
    let documents = json!({"documents": [
        {"id": "moss", "text": "Moss grows on the north side of rm_tree.", "title": "Moss"},
        {"id": "tree", "text": "A tree is taller than moss, moss, moss."},
        {"id": "wei", "text": "Wei amounts are integers."},
    ]});
    let indexed: Value = search.call("index", &documents).unwrap();
    assert_eq!(indexed, json!({"added": 3, "replaced": 0, "total": 3}));
    search
}

fn ids(hits: &Value) -> Vec<&str> {
    hits.as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap()).collect()
}

#[test]
fn documents_are_found_replaced_and_forgotten() {
    let search = search();
    let hits: Value = search.call("query", &json!({"text": "MOSS grows"})).unwrap();
    assert_eq!(ids(&hits), ["moss", "tree"]);
    assert_eq!(hits[0]["title"], "Moss");
    assert_eq!(hits[1]["title"], Value::Null);
    assert_eq!(hits[0]["snippet"], "Moss grows on the north side of rm_tree.");

    let again = json!({"documents": [
        {"id": "tree", "text": "stump"}, {"id": "new", "text": "x", "title": null},
        {"id": "new", "text": "y"},
    ]});
    let indexed: Value = search.call("index", &again).unwrap();
    assert_eq!(indexed, json!({"added": 1, "replaced": 2, "total": 4}));
    let hits: Value = search.call("query", &json!({"text": "moss", "limit": 10})).unwrap();
    assert_eq!(ids(&hits), ["moss"]);

    let forgotten: Value =
        search.call("forget", &json!({"ids": ["moss", "moss", "unknown"]})).unwrap();
    assert_eq!(forgotten, json!({"removed": 1, "total": 3}));
    let hits: Value = search.call("query", &json!({"text": "moss"})).unwrap();
    assert_eq!(hits, json!([]));
}

#[test]
fn a_call_with_an_empty_id_changes_nothing() {
    let search = search();
    let documents = json!({"documents": [{"id": "x", "text": "z"}, {"id": "", "text": "z"}]});
    let failure = search.call::<Value>("index", &documents).unwrap_err();
    assert_eq!(failure.to_string(), "invalid_params: params.documents[1].id: must not be empty");
    let hits: Value = search.call("query", &json!({"text": "z"})).unwrap();
    assert_eq!(hits, json!([]));
}

#[test]
fn wrong_parameters_are_named() {
    let search = search();
    let message = |params: Value| search.call::<Value>("query", &params).unwrap_err().message;
    assert_eq!(message(json!({})), "params.text: required, but missing");
    assert_eq!(message(json!({"text": 1})), "params.text: expected a string, got an integer");
    assert!(message(json!({"text": "x", "limit": -1})).starts_with("params.limit: expected"));
}

#[test]
fn options_out_of_range_are_refused() {
    let refused = |options: Value| {
        let Failure { code, message, .. } =
            Harness::<Search>::start(&json!({"options": options})).unwrap_err();
        (code, message)
    };
    assert_eq!(
        refused(json!({"k1": -1})),
        ("config", "options.k1: must be at least 0, and is -1".into())
    );
    assert_eq!(
        refused(json!({"b": 1.5})),
        ("config", "options.b: must be from 0 to 1, and is 1.5".into())
    );
    assert_eq!(
        refused(json!({"store": 3})),
        ("config", "config.options.store: expected a string, got an integer".into())
    );
}

#[test]
fn the_store_keeps_documents_from_one_run_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("store.jsonl");
    let config = json!({"options": {"store": path}});
    let mut search = Harness::<Search>::start(&config).unwrap();
    let documents = json!({"documents": [
        {"id": "b", "text": "zwei\nü", "title": "Zwei"}, {"id": "a", "text": "eins"},
    ]});
    search.call::<Value>("index", &documents).unwrap();
    search.cleanup().unwrap();
    let kept = "{\"id\":\"a\",\"text\":\"eins\"}\n\
                {\"id\":\"b\",\"text\":\"zwei\\nü\",\"title\":\"Zwei\"}\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);

    search.initialize(&config).unwrap();
    let hits: Value = search.call("query", &json!({"text": "zwei"})).unwrap();
    assert_eq!(ids(&hits), ["b"]);

    std::fs::write(&path, format!("\n{kept}{{")).unwrap();
    let failure = Harness::<Search>::start(&config).unwrap_err();
    assert_eq!(failure.code, "config");
    assert!(failure.message.contains("is broken in line 4"), "{}", failure.message);
}

#[test]
fn texts_are_compared() {
    let similar = Harness::<Similar>::start(&json!({})).unwrap();
    let params = json!({"text": "Good morning!", "texts": ["xyz", "good  MORNING!", "Good!"]});
    let matches: Value = similar.call("execute", &params).unwrap();
    assert_eq!(matches[0], json!({"index": 1, "text": "good  MORNING!", "score": 1.0}));
    assert_eq!(matches[1], json!({"index": 2, "text": "Good!", "score": 2.0 * 3.0 / 15.0}));
    assert_eq!(matches[2]["score"], json!(0.0));
    let params = json!({"text": "x", "texts": ["x"], "limit": 0});
    assert_eq!(similar.call::<Value>("execute", &params).unwrap(), json!([]));
}

#[test]
fn an_empty_text_is_a_problem() {
    let similar = Harness::<Similar>::start(&json!({})).unwrap();
    let problems = |params: Value| similar.validate(&params).unwrap();
    assert_eq!(problems(json!({"text": " \n", "texts": []})), ["text: must not be empty"]);
    assert_eq!(problems(json!({"text": "x"})), ["params.texts: required, but missing"]);
    assert!(problems(json!({"text": "x", "texts": []})).is_empty());
}
