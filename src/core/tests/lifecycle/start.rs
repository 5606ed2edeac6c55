//! Starting plugins.

use serde_json::json;

use super::fake::World;
use super::logs;
use crate::{ErrorKind, Stage};

fn started(world: &World, only: Option<&str>) -> String {
    world.host.start(only).unwrap().join(" ")
}

#[test]
fn a_plugin_is_created_attached_and_initialized() {
    let settings = json!({"a": {"config": {"options": {"url": "x"}}}});
    let world = World::configured(settings, &["a"]);
    assert_eq!(started(&world, None), "a");
    let expected = json!({"options": {"url": "x"}});
    assert_eq!(world.host.instance("a").unwrap().config, expected);
    assert_eq!(world.log(), ["a.pre_initialize", "a.initialize", "a.post_initialize"]);
    assert_eq!(world.states(), "a running");
    assert_eq!(world.host.running(), ["a"]);
}

#[test]
fn dependencies_start_first_and_with_one_name_only_what_it_needs() {
    let plugins = ["app: db cache", "other", "db: cache", "cache"];
    for (only, order) in [
        (None, "other cache db app"),
        (Some("app"), "cache db app"),
        (Some("db"), "cache db"),
        (Some("other"), "other"),
    ] {
        let world = World::new(&plugins);
        assert_eq!(started(&world, only), order);
        assert_eq!(world.did("initialize").join(" "), order);
    }
}

#[test]
fn what_runs_is_left_alone() {
    let world = World::new(&["a", "b: a"]);
    assert_eq!(started(&world, Some("a")), "a");
    world.log();
    assert_eq!(started(&world, None), "b");
    assert_eq!(world.did("initialize"), ["b"]);
    assert_eq!(started(&world, Some("b")), "");
}

#[test]
fn events_tell_of_every_move() {
    let world = World::new(&["a", "b"]);
    world.script.fail("b.initialize", ErrorKind::Execution);
    world.events.take();
    world.host.start(None).unwrap();
    let events = world.events.take();
    let told: Vec<_> =
        events.iter().map(|event| format!("{} {}", event.name, event.data["plugin"])).collect();
    assert_eq!(
        told,
        [
            "plugin.initializing \"a\"",
            "plugin.running \"a\"",
            "plugin.initializing \"b\"",
            "plugin.failed \"b\""
        ]
    );
    let data = json!({"plugin": "b", "from": "initializing", "error": "b.initialize failed"});
    assert_eq!(events[3].data, data);
    world.host.start(None).unwrap();
    assert_eq!(world.events.take()[0].data["error"], json!(null)); // a new try, a new chance
}

#[test]
fn wrong_requirements_are_found_before_anything_is_created() {
    let broken = "is not there";
    for (plugins, states, failures) in [
        (
            vec!["a: b>=2", "b 1.5", "c: a"],
            "a failed, b running, c skipped",
            vec![
                "resolve a: \"a\" needs \"b>=2\", but \"b\" is 1.5. Install a version of \"b\" \
                 that fits",
                "resolve c: \"c\" needs \"a\", which needs \"b>=2\", but \"b\" is 1.5. \"c\" \
                 starts once \"a\" can",
            ],
        ),
        (
            vec!["search", "a: serach"],
            "search running, a failed",
            vec!["resolve a: \"a\" needs \"serach\", which is missing. Did you mean \"search\"?"],
        ),
        (
            vec!["a: b", "b: a", "c"],
            "a failed, b failed, c running",
            vec![
                "resolve a: \"a\" needs itself: a -> b -> a. Take one of these requirements away",
                "resolve b: \"b\" needs itself: b -> a -> b. Take one of these requirements away",
            ],
        ),
    ] {
        let world = World::new(&plugins);
        world.script.fail("a.create", ErrorKind::Execution); // would show if it were tried
        world.host.start(None).unwrap();
        assert_eq!(world.states(), states, "{broken}");
        assert_eq!(world.failures(), failures);
        world.host.start(None).unwrap(); // nothing new
        assert_eq!((world.states().as_str(), world.failures().len()), (states, failures.len()));
    }
}

#[test]
fn a_second_try_gives_the_reason_anew() {
    let world = World::new(&["a: b>=2", "c: a"]);
    for why in ["which is missing", "but \"b\" is 1.5"] {
        let told = logs::of(|| world.host.start(None).map(|_| ()).unwrap());
        let expected = ["plugin failed", "plugin skipped"];
        assert_eq!(told, expected.map(|text| format!("zerepy_plugins.lifecycle: {text}")));
        let failures = world.failures();
        assert!(failures.iter().all(|failure| failure.contains(why)), "{failures:?}");
        world.accept(vec![world.plugin("b 1.5")]);
    }
}

#[test]
fn with_one_name_others_are_not_judged() {
    let world = World::new(&["a", "b: missing"]);
    assert_eq!(started(&world, Some("a")), "a");
    assert_eq!(world.states(), "a running, b registered");
    let error = world.host.start(Some("b")).unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Dependency, Some("b")));
    assert_eq!(world.host.start(Some("c")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn one_failure_skips_what_needs_it_and_stops_nothing_else() {
    for step in ["create", "attach", "initialize"] {
        let world = World::new(&["a", "b: a", "c: b", "d"]);
        world.script.fail(&format!("a.{step}"), ErrorKind::Execution);
        assert_eq!(started(&world, None), "d");
        assert_eq!(world.states(), "a failed, b skipped, c skipped, d running");
        assert_eq!(
            world.failures(),
            [
                format!("initialize a: a.{step} failed"),
                format!(
                    "resolve b: \"b\" needs \"a\", which did not start: a.{step} failed. Mend \
                     \"a\" first, then start \"b\" again"
                ),
                format!(
                    "resolve c: \"c\" needs \"b\", which did not start: \"b\" needs \"a\", which \
                     did not start: a.{step} failed. Mend \"b\" first, then start \"c\" again"
                ),
            ]
        );
    }
}

#[test]
fn the_failure_of_the_one_asked_for_is_the_error() {
    let world = World::new(&["a", "b: a"]);
    world.script.fail("a.initialize", ErrorKind::Panic);
    let error = world.host.start(Some("a")).unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Panic, Some("a")));
    let error = world.host.start(Some("b")).unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Dependency, Some("b")));
}

#[test]
fn resources_are_released_after_a_failed_initialize() {
    let world = World::new(&["a"]);
    world.script.fail("a.initialize", ErrorKind::Execution);
    world.script.fail("a.release", ErrorKind::Cleanup);
    world.host.start(None).unwrap();
    assert_eq!(
        world.log(),
        ["a.pre_initialize", "a.initialize", "a.post_initialize(a.initialize failed)", "a.release"]
    );
    assert_eq!(world.failures(), ["initialize a: a.initialize failed"]);
    assert!(world.host.instance("a").is_err() && world.host.running().is_empty());
}

#[test]
fn what_failed_or_was_skipped_can_be_started_once_the_cause_is_gone() {
    let world = World::new(&["a", "b: a"]);
    world.script.fail("a.initialize", ErrorKind::Execution);
    for _ in 0..2 {
        assert_eq!(started(&world, None), "");
        assert_eq!(world.states(), "a failed, b skipped");
        assert_eq!(world.failures().len(), 2);
    }
    world.script.mend("a.initialize");
    assert_eq!(started(&world, Some("b")), "a b");
    assert!(world.failures().is_empty());
    let world = World::new(&["a: late"]);
    world.host.start(None).unwrap();
    world.accept(vec![world.plugin("late")]);
    assert_eq!(started(&world, None), "late a");
}

#[test]
fn an_interruption_ends_the_start_and_passes_through() {
    let world = World::new(&["a", "b", "c"]);
    world.script.fail("b.initialize", ErrorKind::Interrupted);
    assert_eq!(world.host.start(None).unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(world.states(), "a running, b failed, c registered");
    assert_eq!(world.log().last().unwrap(), "b.release");
    assert_eq!(world.host.stop(None, false).unwrap(), ["a"]);
    world.script.mend("b.initialize");
    assert_eq!(started(&world, None), "a b c");
}

#[test]
fn a_dependency_that_will_not_run_is_named_with_its_reason() {
    let settings =
        json!({"a": {"config": {"enabled": false}}, "c": {"config": {"options": {"timeout": -1}}}});
    let world = World::configured(settings, &["a", "b: a", "c", "d: c"]);
    assert_eq!(started(&world, None), "");
    assert_eq!(world.states(), "a disabled, b skipped, c failed, d skipped");
    let failures = world.failures();
    assert_eq!(
        failures[0],
        "resolve b: \"b\" needs \"a\", which is disabled. \"b\" starts once \"a\" can"
    );
    assert_eq!(
        failures[2],
        "resolve d: \"d\" needs \"c\", which has an invalid configuration. \"d\" starts once \
         \"c\" can"
    );
}

#[test]
fn dependencies_can_be_checked_without_starting_or_marking_anything() {
    let world = World::new(&["a: nowhere", "b: a", "c: d", "d: c", "e"]);
    let failures = world.host.check_dependencies();
    let told: Vec<_> = failures.iter().map(|failure| failure.plugin.as_deref().unwrap()).collect();
    assert_eq!(told, ["a", "c", "d", "b"]);
    assert!(failures.iter().all(|failure| failure.stage == Stage::Resolve));
    assert!(failures[1].error.message().contains("c -> d -> c"), "{}", failures[1].error);
    assert!(world.log().is_empty());
    let registered = ["a", "b", "c", "d", "e"].map(|name| format!("{name} registered"));
    assert_eq!(world.states(), registered.join(", "));
}
