//! From candidates to classes, checked against their manifests.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::fake::{FakeClass, World, told};
use crate::{
    Candidate, CandidateManifest, Error, ErrorKind, Found, Importer, Manifest, Owner, Registered,
    Result, Scan, Unit, import,
};

/// Imports candidates named after the plugins in them, `a+b.py`; some cannot be imported.
struct Files<'w>(&'w World);

impl Importer<FakeClass> for Files<'_> {
    fn import(&self, candidate: &Candidate) -> Result<Vec<Registered<FakeClass>>> {
        let stem = candidate.path.file_stem().unwrap().to_str().unwrap();
        match stem {
            "empty" => Ok(Vec::new()),
            "broken" => Err(Error::new(ErrorKind::Load, "it is broken")),
            "wrong" => Err(Error::new(ErrorKind::Config, "it is wrong").with_plugin("own_name")),
            "interrupted" => Err(Error::new(ErrorKind::Interrupted, "Ctrl-C")),
            names => Ok(names.split('+').map(|name| self.0.plugin(name)).collect()),
        }
    }
}

fn candidate(path: &str, manifest: Option<Value>) -> Candidate {
    let path = PathBuf::from(path);
    let is_library = path.extension().is_some_and(|extension| extension == "so");
    let unit = if is_library { Unit::Library(path.clone()) } else { Unit::Module(path.clone()) };
    let manifest = manifest.map(|document| CandidateManifest {
        path: "plugin.json".into(),
        entries: Manifest::from_value(document, "plugin.json", Owner::Plugin).unwrap().entries,
    });
    Candidate { path, root: PathBuf::new(), unit, manifest }
}

fn imported(candidates: Vec<Candidate>) -> Result<Found<FakeClass>> {
    let scan = Scan { candidates, ..Scan::default() };
    import(scan, &Files(&World::new(&[])))
}

fn names(found: &Found<FakeClass>) -> String {
    let names: Vec<_> = found.plugins.iter().map(|plugin| plugin.info.name.as_str()).collect();
    names.join(" ")
}

#[test]
fn a_broken_candidate_does_not_stop_the_others() {
    let files = ["a+b.py", "empty.py", "broken.py", "wrong.py", "broken.so", "c.py"];
    let found = imported(files.map(|file| candidate(file, None)).into()).unwrap();
    assert_eq!(names(&found), "a b c");
    let failures: Vec<_> = found
        .failures
        .iter()
        .map(|failure| format!("{} <- {}", told(failure), failure.origin))
        .collect();
    assert_eq!(
        failures,
        [
            "import broken: it is broken <- broken.py",
            "validate own_name: it is wrong <- wrong.py",
            "load broken: it is broken <- broken.so",
        ]
    );
}

#[test]
fn an_interruption_ends_the_import() {
    let files = ["a.py", "interrupted.py", "b.py"].map(|file| candidate(file, None));
    assert_eq!(imported(files.into()).err().unwrap().kind(), ErrorKind::Interrupted);
}

#[test]
fn a_manifest_completes_what_the_code_says() {
    let manifest = json!({
        "name": "a", "version": "1.0", "type": "connection", "description": "asks",
        "requires": ["db>=1"], "config": {"options": {"timeout": 30}},
    });
    let found = imported(vec![candidate("a+b.py", Some(manifest))]).unwrap();
    assert!(found.failures.is_empty());
    assert_eq!(names(&found), "a b");
    let plugin = &found.plugins[0];
    assert_eq!(plugin.info.description, "asks");
    assert_eq!(plugin.info.requires, ["db>=1"]);
    assert_eq!(Value::Object(plugin.defaults.clone()), json!({"options": {"timeout": 30}}));
    assert!(found.plugins[1].defaults.is_empty());
}

#[test]
fn a_manifest_that_contradicts_the_code_leaves_that_plugin_out() {
    for (manifest, message) in [
        (
            json!({"name": "a", "version": "2.0"}),
            "validate a: plugin.json says \"a\" has version 2.0, its code says 1.0. Make the two \
             equal",
        ),
        (
            json!({"name": "a", "type": "action"}),
            "validate a: plugin.json says \"a\" is of type action, its code says connection. \
             Make the two equal",
        ),
        (
            json!({"name": "aa"}),
            "validate aa: plugin.json describes \"aa\", which the code beside it does not define. \
             Did you mean \"a\"?",
        ),
    ] {
        let is_misnamed = manifest["name"] == "aa";
        let found = imported(vec![candidate("a+bcd.py", Some(manifest))]).unwrap();
        assert_eq!(names(&found), if is_misnamed { "a bcd" } else { "bcd" });
        assert_eq!(found.failures.iter().map(told).collect::<Vec<_>>(), [message]);
    }
}

#[test]
fn defaults_of_the_manifest_reach_the_plugin_below_the_settings() {
    let settings = json!({"a": {"config": {"options": {"retries": 1}}}});
    let world = World::configured(settings, &[]);
    let manifest = json!({"name": "a", "config": {"options": {"timeout": 30, "retries": 9}}});
    let scan = Scan { candidates: vec![candidate("a.py", Some(manifest))], ..Scan::default() };
    let found = import(scan, &Files(&world)).unwrap();
    world.host.accept(found.plugins, found.failures);
    world.host.start(None).unwrap();
    let config = &world.host.instance("a").unwrap().config;
    assert_eq!(*config, json!({"options": {"timeout": 30, "retries": 1}}));
}
