//! Plugins that are not ready: tried again, on a clock that the test sets.

use std::time::{Duration, Instant};

use super::fake::World;
use crate::{Error, ErrorKind};

const MINUTE: Duration = Duration::from_secs(60);

fn not_ready(world: &World, retry_after: Option<f64>) {
    world.script.on("a.initialize", move || {
        let error = Error::new(ErrorKind::NotReady, "the database is warming up");
        Err(retry_after.into_iter().fold(error, Error::with_retry_after))
    });
}

fn seconds_until(next: Option<Instant>, now: Instant) -> u64 {
    next.unwrap().duration_since(now).as_secs()
}

#[test]
fn it_is_tried_again_and_starts_when_it_is_ready() {
    let world = World::new(&["a", "b: a", "c: b", "d"]);
    not_ready(&world, None);
    let now = Instant::now();
    assert_eq!(world.host.start(None).unwrap(), ["d"]);
    assert_eq!(world.states(), "a retrying, b skipped, c skipped, d running");
    assert_eq!(
        world.failures()[..2],
        [
            "initialize a: the database is warming up",
            "resolve b: \"b\" needs \"a\", which is not ready: the database is warming up. \"b\" \
             starts by itself once \"a\" is",
        ]
    );
    assert_eq!(seconds_until(world.host.attend(now), now), 1); // not due yet
    world.log();
    let next = world.host.attend(now + MINUTE);
    assert_eq!(world.did("initialize"), ["a"]);
    assert!((2..=3).contains(&seconds_until(next, now))); // twice as long
    assert_eq!(world.states(), "a retrying, b skipped, c skipped, d running");

    world.script.mend("a.initialize");
    assert_eq!(world.host.attend(now + MINUTE), None);
    assert_eq!(world.did("initialize"), ["a", "b", "c"]);
    assert_eq!(world.states(), "a running, b running, c running, d running");
    assert!(world.failures().is_empty());
}

#[test]
fn what_the_plugin_asks_for_is_honoured_and_success_starts_the_count_anew() {
    let world = World::new(&["a"]);
    not_ready(&world, Some(30.0));
    let now = Instant::now();
    world.host.start(None).unwrap();
    assert!((30..=33).contains(&seconds_until(world.host.attend(now), now)));
    world.script.mend("a.initialize");
    world.host.attend(now + MINUTE);
    world.host.stop(None, false).unwrap();
    not_ready(&world, None);
    let now = Instant::now();
    world.host.start(None).unwrap();
    assert_eq!(seconds_until(world.host.attend(now), now), 1);
}

#[test]
fn asked_for_by_name_it_is_an_error_and_tried_again_all_the_same() {
    let world = World::new(&["a", "b: a", "other: a"]);
    not_ready(&world, None);
    assert_eq!(world.host.start(Some("b")).unwrap_err().kind(), ErrorKind::Dependency);
    assert_eq!(world.host.start(Some("a")).unwrap_err().kind(), ErrorKind::NotReady);
    let refused = world.host.admit("a", "ask").err().unwrap();
    assert_eq!(refused.hint(), Some("It is tried again by itself: the database is warming up"));
    world.script.mend("a.initialize");
    world.host.attend(Instant::now() + MINUTE);
    assert_eq!(world.states(), "a running, b running, other registered"); // nobody wanted it
}

#[test]
fn stopping_or_disabling_ends_it() {
    for stop in [true, false] {
        let world = World::new(&["a", "b: a"]);
        not_ready(&world, None);
        world.host.start(None).unwrap();
        if stop {
            world.host.stop(None, false).unwrap();
            assert_eq!(world.states(), "a stopped, b skipped");
        } else {
            world.host.disable("a").unwrap();
            assert_eq!(world.states(), "a disabled, b skipped");
        }
        world.log();
        assert_eq!(world.host.attend(Instant::now() + MINUTE), None);
        assert!(world.log().is_empty());
    }
}

#[test]
fn another_failure_ends_it_too() {
    let world = World::new(&["a"]);
    not_ready(&world, None);
    world.host.start(None).unwrap();
    world.script.fail("a.initialize", ErrorKind::Execution);
    assert_eq!(world.host.attend(Instant::now() + MINUTE), None);
    assert_eq!(world.states(), "a failed");
}
