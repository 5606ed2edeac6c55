//! Hooks around initialize and cleanup: their order, and what their errors do.

use std::sync::Arc;

use super::fake::{Watcher, World};
use crate::{Consequence, Error, ErrorKind, Hook, HookId, OnError};

fn watched() -> (World, [HookId; 2]) {
    let world = World::new(&["a"]);
    let ids = ["outer", "inner"].map(|name| add(&world, name, 0, OnError::Raise));
    (world, ids)
}

fn add(world: &World, name: &'static str, priority: i64, on_error: OnError) -> HookId {
    world.host.hooks().add(Watcher(name, Arc::clone(&world.script)), priority, on_error)
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

#[test]
fn higher_priorities_stand_further_outside_and_equals_in_their_order() {
    let world = World::new(&["a"]);
    for (name, priority) in [("mid", 0), ("low", -1), ("high", 5), ("mid too", 0), ("high too", 5)]
    {
        add(&world, name, priority, OnError::Raise);
    }
    world.host.start(None).unwrap();
    let log = world.log();
    let ran = |hook: &str| -> Vec<_> {
        let suffix = format!(".{hook} a");
        log.iter().filter_map(|line| line.strip_suffix(&suffix)).map(str::to_owned).collect()
    };
    let mut order = ["high", "high too", "mid", "mid too", "low"];
    assert_eq!(ran("pre_initialize"), order);
    order.reverse();
    assert_eq!(ran("post_initialize"), order);
}

#[test]
fn a_collected_error_lets_the_step_happen_and_is_told_at_the_end() {
    let world = World::new(&["a"]);
    add(&world, "hooks", 0, OnError::Collect);
    world.script.fail("hooks.pre_initialize a", ErrorKind::Execution);
    world.host.start(None).unwrap();
    assert_eq!(world.failures(), ["initialize a: hooks.pre_initialize a failed"]);
    let log = world.log();
    assert!(log.contains(&"a.initialize".to_owned()));
    assert!(log.contains(&"hooks.post_initialize a(hooks.pre_initialize a failed)".to_owned()));
    assert_eq!(log[log.len() - 2..], ["a.cleanup", "a.release"]);
}

#[test]
fn a_logged_error_changes_nothing() {
    let world = World::new(&["a"]);
    add(&world, "hooks", 0, OnError::Log);
    for hook in Hook::ALL {
        world.script.fail(&format!("hooks.{} a", hook.name()), ErrorKind::Execution);
    }
    assert_eq!(world.host.start(None).unwrap(), ["a"]);
    assert_eq!(world.host.stop(None, false).unwrap(), ["a"]);
}

#[test]
fn a_veto_holds_whatever_becomes_of_other_errors() {
    for on_error in [OnError::Raise, OnError::Collect, OnError::Log] {
        let world = World::new(&["a"]);
        add(&world, "hooks", 0, on_error);
        world.script.fail("hooks.pre_initialize a", ErrorKind::Vetoed);
        assert_eq!(world.host.start(Some("a")).unwrap_err().kind(), ErrorKind::Vetoed);
        assert!(!world.log().contains(&"a.initialize".to_owned()));
    }
}

#[test]
fn what_becomes_of_an_error_depends_on_the_moment() {
    let judged = |on_error: OnError, kind| {
        Hook::ALL.map(|hook| on_error.judge(hook, &Error::new(kind, "x")))
    };
    let (stop, report, ignore) = (Consequence::Stop, Consequence::Report, Consequence::Ignore);
    let preventing = |other| [stop, other, other, other, stop, other];
    assert_eq!(judged(OnError::Raise, ErrorKind::Execution), preventing(report));
    assert_eq!(judged(OnError::Collect, ErrorKind::Execution), [report; 6]);
    assert_eq!(judged(OnError::Log, ErrorKind::Execution), [ignore; 6]);
    assert_eq!(judged(OnError::Collect, ErrorKind::Vetoed), preventing(report));
    assert_eq!(judged(OnError::Log, ErrorKind::Vetoed), preventing(ignore));
    assert_eq!(judged(OnError::Log, ErrorKind::Interrupted), [stop; 6]);
}

#[test]
fn hooks_around_actions_are_known_to_be_there() {
    let world = World::new(&["a"]);
    let hooks = world.host.hooks();
    add(&world, "others", 0, OnError::Raise);
    assert!(!hooks.watch_actions());
    let id = add(&world, "actions", 0, OnError::Raise);
    assert!(hooks.watch_actions());
    assert!(hooks.remove(id) && !hooks.watch_actions() && !hooks.remove(id));
    assert_eq!(hooks.sets().len(), 1);
}
