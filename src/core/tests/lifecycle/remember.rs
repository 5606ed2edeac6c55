//! What plugins remember.

use serde_json::json;

use super::fake::World;
use crate::{ErrorKind, SnapshotStore};

fn world(dir: &std::path::Path) -> World {
    let world =
        World::remembering(Some(SnapshotStore::new(dir.into())), json!({}), &["a 1.5", "b"]);
    world.script.on("a.save_state", || Ok(()));
    world
}

#[test]
fn it_is_saved_before_cleanup_and_taken_up_after_initialize() {
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path());
    first.host.start(None).unwrap();
    first.log();
    first.host.stop(Some("a"), false).unwrap();
    assert_eq!(first.log()[..3], ["a.save_state", "a.pre_cleanup", "a.cleanup"]);

    let second = world(dir.path());
    second.host.start(None).unwrap();
    let steps = ["a.initialize", r#"a.load_state 1.5 {"of":"a"}"#, "a.post_initialize"];
    assert_eq!(second.log()[1..4], steps);
}

#[test]
fn it_can_be_saved_at_any_time() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    assert_eq!(world.host.save_states(None).unwrap(), [] as [&str; 0]);
    world.host.start(None).unwrap();
    assert_eq!(world.host.save_states(None).unwrap(), ["a"]);
    assert_eq!(world.host.save_states(Some("b")).unwrap(), [] as [&str; 0]);
    assert_eq!(world.host.save_states(Some("c")).unwrap_err().kind(), ErrorKind::NotFound);
    world.script.fail("a.save_state", ErrorKind::Execution);
    assert_eq!(world.host.save_states(None).unwrap_err().message(), "a.save_state failed");
}

#[test]
fn a_plugin_that_cannot_take_it_up_does_not_start_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    world.host.start(None).unwrap();
    world.host.stop(None, false).unwrap();
    world.log();
    world.script.fail(r#"a.load_state 1.5 {"of":"a"}"#, ErrorKind::Execution);
    assert!(world.host.start(Some("a")).is_err());
    assert_eq!(world.did("cleanup"), ["a"]);
    std::fs::write(dir.path().join("a.json"), "{").unwrap();
    let error = world.host.start(Some("a")).unwrap_err();
    assert!(error.message().contains("cannot be read from"), "{error}");
    assert_eq!(world.did("initialize"), [] as [&str; 0]);
    assert_eq!(std::fs::read_to_string(dir.path().join("a.json")).unwrap(), "{");
}

#[test]
fn an_error_in_saving_is_told_with_those_of_cleaning_up() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    world.host.start(None).unwrap();
    world.script.fail("a.save_state", ErrorKind::Execution);
    world.log();
    let error = world.host.stop(None, false).unwrap_err();
    assert!(error.message().contains("a.save_state failed"), "{error}");
    assert_eq!(world.did("cleanup"), ["b", "a"]);
}

#[test]
fn a_save_that_hangs_holds_nobody_up_and_the_last_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let settings = json!({"a": {"config": {"options": {"timeout": 0.02}}}});
    let world =
        World::remembering(Some(SnapshotStore::new(dir.path().into())), settings, &["a 1.5", "b"]);
    world.script.on("a.save_state", || Ok(()));
    world.host.start(None).unwrap();
    assert_eq!(world.host.save_states(None).unwrap(), ["a"]);
    let saved = || std::fs::read_to_string(dir.path().join("a.json")).unwrap();
    let before = saved();

    let end = world.script.hang("a.save_state");
    let why = "save_state of plugin \"a\" did not end within 0.02 s; it is still running";
    let error = world.host.save_states(None).unwrap_err();
    assert_eq!(
        (error.kind(), error.plugin(), error.message()),
        (ErrorKind::Timeout, Some("a"), why)
    );
    let until_late = |late| {
        while world.monitor.stats("a").late < late {
            std::thread::yield_now();
        }
    };
    end.send(Ok(())).unwrap();
    until_late(1);
    world.log();
    let error = world.host.stop(None, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cleanup);
    assert!(error.message().contains(why), "{error}");
    assert_eq!(world.did("cleanup"), ["b", "a"]);
    assert_eq!((world.states().as_str(), saved()), ("a failed, b stopped", before.clone()));
    assert_eq!(world.monitor.stats("a").still_running, 1);
    end.send(Ok(())).unwrap();
    until_late(2);
    assert_eq!(saved(), before); // what comes late is dropped
}
