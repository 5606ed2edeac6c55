//! Hooks around initialize and cleanup: their order, and what their errors do.

use std::sync::Arc;

use super::fake::{Watcher, World};
use crate::{ErrorKind, HookId};

fn watched() -> (World, [HookId; 2]) {
    let world = World::new(&["a"]);
    let add = |name| world.host.hooks().add(Arc::new(Watcher(name, Arc::clone(&world.script))));
    let ids = [add("outer"), add("inner")];
    (world, ids)
}

#[test]
fn hooks_nest_like_brackets() {
    let (world, _) = watched();
    world.host.start(None).unwrap();
    assert_eq!(
        world.log(),
        [
            "outer.pre_initialize a",
            "inner.pre_initialize a",
            "a.pre_initialize",
            "a.initialize",
            "a.post_initialize",
            "inner.post_initialize a",
            "outer.post_initialize a",
        ]
    );
    world.host.stop(None, false).unwrap();
    assert_eq!(
        world.log(),
        [
            "outer.pre_cleanup a",
            "inner.pre_cleanup a",
            "a.pre_cleanup",
            "a.cleanup",
            "a.release",
            "a.post_cleanup",
            "inner.post_cleanup a",
            "outer.post_cleanup a",
        ]
    );
}

#[test]
fn a_removed_set_sees_nothing_more() {
    let (world, [outer, inner]) = watched();
    assert!(world.host.hooks().remove(outer) && !world.host.hooks().remove(outer));
    world.host.start(None).unwrap();
    assert_eq!(world.log()[0], "inner.pre_initialize a");
    assert!(world.host.hooks().remove(inner));
    world.host.stop(None, false).unwrap();
    assert_eq!(world.log()[0], "a.pre_cleanup");
}

#[test]
fn an_error_before_initialize_keeps_the_plugin_from_starting() {
    for veto in ["outer.pre_initialize a", "a.pre_initialize"] {
        let (world, _) = watched();
        world.script.fail(veto, ErrorKind::Execution);
        world.host.start(None).unwrap();
        assert_eq!(world.states(), "a failed");
        assert_eq!(world.failures(), [format!("initialize a: {veto} failed")]);
        assert_eq!(
            world.log(),
            [
                "outer.pre_initialize a".to_owned(),
                "inner.pre_initialize a".to_owned(),
                "a.pre_initialize".to_owned(),
                format!("a.post_initialize({veto} failed)"),
                format!("inner.post_initialize a({veto} failed)"),
                format!("outer.post_initialize a({veto} failed)"),
                "a.release".to_owned(),
            ]
        );
    }
}

#[test]
fn an_error_after_initialize_cleans_up_again() {
    let (world, _) = watched();
    world.script.fail("inner.post_initialize a", ErrorKind::Execution);
    world.host.start(None).unwrap();
    assert_eq!(world.failures(), ["initialize a: inner.post_initialize a failed"]);
    let log = world.log();
    assert_eq!(log[log.len() - 3..], ["outer.post_initialize a", "a.cleanup", "a.release"]);
    assert_eq!(world.states(), "a failed");
    assert!(world.host.stop(None, false).unwrap().is_empty()); // nothing is left to stop
}

#[test]
fn all_errors_of_a_failed_start_are_told() {
    let (world, _) = watched();
    for step in ["a.initialize", "a.post_initialize", "outer.post_initialize a"] {
        world.script.fail(step, ErrorKind::Execution);
    }
    let error = world.host.start(Some("a")).unwrap_err();
    assert_eq!(
        error.message(),
        "plugin \"a\" could not be started:\n  - a.initialize failed\n  \
         - a.post_initialize failed\n  - outer.post_initialize a failed"
    );
}
