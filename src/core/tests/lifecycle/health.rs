//! Asking a plugin how it is.

use std::time::Duration;

use serde_json::json;

use super::fake::World;
use crate::{Error, ErrorKind, Outcome, Supervision};

const SECOND: Duration = Duration::from_secs(1);

fn world(plugins: &[&str]) -> World {
    let world = World::watched(plugins, Supervision::default(), SECOND);
    world.host.start(None).unwrap();
    world.log();
    world.events.take();
    world
}

fn complaint(world: &World) -> Option<String> {
    world.host.status()[0].complaint.clone()
}

#[test]
fn its_answer_is_kept_for_a_moment() {
    let world = world(&["a"]);
    world.script.on("a.health", || Ok(()));
    assert_eq!(world.host.check_health("a", false).unwrap(), Ok(()));
    world.script.fail("a.health", ErrorKind::Execution);
    assert!(world.host.check_health("a", false).unwrap().is_ok());
    assert_eq!(world.log(), ["a.health"]);
    let reason = "a.health failed".to_owned();
    assert_eq!(world.host.check_health("a", true).unwrap(), Err(reason.clone()));
    assert_eq!(world.host.check_health("a", false).unwrap(), Err(reason.clone()));
    assert_eq!(world.log(), ["a.health"]);
    assert!(!world.host.status()[0].is_healthy());
    assert_eq!(complaint(&world), Some(reason));
}

#[test]
fn a_change_is_one_event() {
    let world = world(&["a"]);
    world.script.fail("a.health", ErrorKind::Execution);
    for _ in 0..3 {
        assert!(world.host.check_health("a", true).unwrap().is_err());
    }
    world.script.on("a.health", || Ok(()));
    for _ in 0..3 {
        assert!(world.host.check_health("a", true).unwrap().is_ok());
    }
    let told: Vec<_> = world.events.take().into_iter().map(|it| (it.name, it.data)).collect();
    assert_eq!(
        told,
        [
            ("plugin.unhealthy".to_owned(), json!({"plugin": "a", "reason": "a.health failed"})),
            ("plugin.healthy".to_owned(), json!({"plugin": "a", "reason": null})),
        ]
    );
}

#[test]
fn one_that_hangs_is_not_well_and_not_asked_again_until_it_ends() {
    let limit = Duration::from_millis(20);
    let world = World::watched(&["a"], Supervision::default(), limit);
    world.host.start(None).unwrap();
    let end = world.script.hang("a.health");
    let reason = world.host.check_health("a", true).unwrap().unwrap_err();
    assert_eq!(reason, "health of plugin \"a\" did not end within 0.02 s; it is still running");
    assert_eq!(world.monitor.stats("a").still_running, 1);
    world.log();
    let reason = world.host.check_health("a", true).unwrap().unwrap_err();
    assert_eq!(reason, "health() has not ended since it was last asked");
    assert!(world.log().is_empty());
    end.send(Ok(())).unwrap();
    while world.monitor.stats("a").still_running > 0 {
        std::thread::yield_now();
    }
    world.script.on("a.health", || Ok(()));
    assert!(world.host.check_health("a", true).unwrap().is_ok());
}

#[test]
fn one_that_does_not_tell_is_judged_by_its_last_calls() {
    let world = world(&["a"]);
    let check = || world.host.check_health("a", true).unwrap();
    for _ in 0..4 {
        world.call("a", Some("no luck"));
    }
    assert!(check().is_ok(), "four calls say nothing");
    world.call("a", None);
    let reason = "4 of its last 5 calls failed, the last one: no luck";
    assert_eq!(check(), Err(reason.to_owned()));
    for _ in 0..4 {
        world.call("a", None);
    }
    assert!(check().is_ok(), "more than half went well");
}

#[test]
fn mistakes_of_callers_do_not_count() {
    let world = world(&["a"]);
    for _ in 0..10 {
        let mut call = world.host.admit("a", "ask").unwrap();
        call.blame_caller();
        call.finish(Outcome::Failure, Some("bad parameters"));
    }
    assert!(world.host.check_health("a", true).unwrap().is_ok());
    assert_eq!(world.monitor.stats("a").errors, 10);
}

#[test]
fn one_that_does_not_run_is_not_well_and_a_start_begins_anew() {
    let world = world(&["a"]);
    world.script.fail("a.health", ErrorKind::Execution);
    assert!(world.host.check_health("a", true).unwrap().is_err());
    world.host.stop(None, false).unwrap();
    assert!(complaint(&world).is_none());
    let reason = world.host.check_health("a", true).unwrap().unwrap_err();
    assert_eq!(reason, "plugin \"a\" is stopped; it must be running to be called");
    world.host.start(None).unwrap();
    assert!(world.host.status()[0].is_healthy());
    assert_eq!(world.host.check_health("b", true).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_interruption_is_no_answer() {
    let world = world(&["a"]);
    world.script.on("a.health", || Err(Error::new(ErrorKind::Interrupted, "Ctrl-C")));
    let error = world.host.check_health("a", true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(world.host.status()[0].is_healthy());
}
