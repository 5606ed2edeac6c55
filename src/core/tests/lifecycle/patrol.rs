//! Watching over running plugins, on a clock that the test sets.

use std::time::{Duration, Instant};

use super::fake::World;
use crate::{ErrorKind, PluginState, Supervision};

const INTERVAL: Duration = Duration::from_secs(10);
const BOUND: Duration = Duration::from_secs(20); // generous

fn watched(plugins: &[&str], max_restarts: u32) -> World {
    let supervision = Supervision { interval: Some(INTERVAL), max_restarts };
    let world = World::watched(plugins, supervision, Duration::from_secs(3600));
    world.host.start(None).unwrap();
    world.log();
    world.events.take();
    world
}

/// Lets the patrol come by then, and waits for the answers.
fn round(world: &World, now: Instant) -> Option<Instant> {
    let deadline = Instant::now() + BOUND;
    loop {
        let next = world.host.attend(now);
        if world.host.probes.lock().is_empty() {
            return next;
        }
        assert!(Instant::now() < deadline, "no answer");
        std::thread::yield_now();
    }
}

fn news(world: &World) -> Vec<String> {
    let is_of_health = |name: &String| {
        ["plugin.unhealthy", "plugin.healthy", "plugin.restarted", "plugin.failed"]
            .contains(&name.as_str())
    };
    world.events.names().into_iter().filter(is_of_health).collect()
}

#[test]
fn running_plugins_are_asked_at_every_interval() {
    let world = watched(&["a", "b"], 5);
    world.script.on("a.health", || Ok(()));
    let now = Instant::now();
    assert_eq!(round(&world, now), Some(now + INTERVAL));
    assert!(world.log().is_empty());
    assert_eq!(round(&world, now + INTERVAL), Some(now + 2 * INTERVAL));
    assert_eq!(world.log(), ["a.health"]); // b does not tell
    round(&world, now + 2 * INTERVAL);
    assert_eq!(world.log(), ["a.health"]);
    assert!(news(&world).is_empty());
    world.host.stop(None, false).unwrap();
    assert_eq!(world.host.attend(now + 3 * INTERVAL), None);
}

#[test]
fn nobody_is_asked_without_an_interval() {
    let world = World::new(&["a"]);
    world.script.fail("a.health", ErrorKind::Execution);
    world.host.start(None).unwrap();
    assert_eq!(world.host.attend(Instant::now() + INTERVAL), None);
    assert!(world.host.status()[0].is_healthy());
}

#[test]
fn an_unhealthy_one_is_restarted_at_once_with_its_state() {
    let world = watched(&["a"], 5);
    world.script.on("a.save_state", || Ok(()));
    world.script.fail("a.health", ErrorKind::Execution);
    let now = Instant::now();
    round(&world, now);
    round(&world, now + INTERVAL);
    let log = world.log();
    let place = |step: &str| log.iter().position(|line| line == step).expect(step);
    assert!(place("a.health") < place("a.initialize"));
    assert!(place("a.initialize") < place("a.load_state 1.0 {\"of\":\"a\"}"));
    assert!(place("a.load_state 1.0 {\"of\":\"a\"}") < place("a.cleanup"));
    assert_eq!(news(&world), ["plugin.unhealthy", "plugin.restarted"]);
    assert_eq!(world.states(), "a running");
    world.script.on("a.health", || Ok(()));
    round(&world, now + 2 * INTERVAL);
    assert_eq!(news(&world), ["plugin.healthy"]);
}

#[test]
fn restarts_come_later_each_time_and_a_good_answer_ends_that() {
    let world = watched(&["a"], 50);
    world.script.fail("a.health", ErrorKind::Execution);
    let mut now = Instant::now();
    round(&world, now);
    now += INTERVAL;
    round(&world, now);
    let mut restarts = world.did("initialize").len();
    assert_eq!(restarts, 1);
    let mut waits = Vec::new();
    for _ in 0..5 {
        now += INTERVAL;
        round(&world, now); // unhealthy again: a wait begins
        let began = now;
        restarts = world.did("initialize").len();
        while restarts == 0 {
            now += Duration::from_millis(500);
            round(&world, now);
            restarts = world.did("initialize").len();
        }
        waits.push((now - began).as_secs());
    }
    for (waited, least) in waits.iter().zip([1, 2, 4, 8, 16]) {
        assert!((least..=least + 2).contains(waited), "{waits:?}");
    }
    world.script.on("a.health", || Ok(()));
    now += INTERVAL;
    round(&world, now);
    world.script.fail("a.health", ErrorKind::Execution);
    now += INTERVAL;
    round(&world, now);
    assert_eq!(world.did("initialize"), ["a"]); // at once again
}

#[test]
fn after_too_many_restarts_it_is_stopped_with_what_needs_it() {
    let world = watched(&["a", "b: a", "c: b", "d"], 1);
    world.script.fail("a.health", ErrorKind::Execution);
    let now = Instant::now();
    round(&world, now);
    round(&world, now + INTERVAL);
    world.log();
    round(&world, now + 2 * INTERVAL);
    assert_eq!(world.did("cleanup"), ["c", "b", "a"]);
    assert_eq!(world.states(), "a failed, b skipped, c skipped, d running");
    let failures = world.failures();
    let why = "plugin \"a\" was stopped: still unhealthy after 1 restart: a.health failed";
    assert!(failures[0].starts_with(&format!("health a: {why}. Mend it")), "{failures:?}");
    assert!(failures[1].starts_with(&format!("health b: \"b\" needs \"a\": {why}")));
    assert!(failures[2].starts_with(&format!("health c: \"c\" needs \"a\": {why}")));
    assert_eq!(news(&world), ["plugin.unhealthy", "plugin.restarted", "plugin.failed"]);
    let refused = world.host.admit("a", "ask").err().unwrap();
    assert!(refused.hint().unwrap().starts_with(why), "{refused}");

    world.script.on("a.health", || Ok(()));
    world.host.start(None).unwrap();
    round(&world, now + 10 * INTERVAL);
    assert_eq!(world.states(), "a running, b running, c running, d running");
    assert!(world.failures().is_empty());
}

#[test]
fn one_that_does_not_come_up_again_stays_and_counts() {
    let world = watched(&["a"], 1);
    world.script.fail("a.health", ErrorKind::Execution);
    world.script.fail("a.initialize", ErrorKind::Execution);
    let now = Instant::now();
    round(&world, now);
    round(&world, now + INTERVAL);
    assert_eq!(
        (world.states().as_str(), news(&world)),
        ("a running", vec!["plugin.unhealthy".to_owned()])
    );
    world.call("a", None);
    round(&world, now + 2 * INTERVAL);
    assert_eq!(world.states(), "a failed");
}

#[test]
fn one_that_hangs_holds_nobody_up_and_is_restarted() {
    let supervision = Supervision { interval: Some(INTERVAL), max_restarts: 5 };
    let world = World::watched(&["a", "b"], supervision, Duration::from_secs(15));
    world.host.start(None).unwrap();
    world.log();
    let end = world.script.hang("a.health");
    world.script.on("b.health", || Ok(()));
    let now = Instant::now();
    world.host.attend(now);
    world.host.attend(now + INTERVAL); // both are begun
    let deadline = Instant::now() + BOUND;
    while world.host.probes.lock().len() > 1 {
        assert!(Instant::now() < deadline, "b does not answer");
        let next = world.host.attend(now + INTERVAL); // returns at once, and looks again in time
        assert!(next.unwrap() <= now + 2 * INTERVAL);
    }
    world.host.attend(now + Duration::from_secs(18)); // its time is up
    assert_eq!(world.did("initialize"), ["a"]);
    let status = &world.host.status()[0];
    assert!(status.complaint.as_ref().unwrap().contains("did not end within 15 s"), "{status:?}");
    drop(end);
}

#[test]
fn stopping_or_disabling_ends_it() {
    for disable in [false, true] {
        let world = watched(&["a"], 5);
        world.script.fail("a.health", ErrorKind::Execution);
        let now = Instant::now();
        round(&world, now);
        round(&world, now + INTERVAL);
        round(&world, now + 2 * INTERVAL); // the second restart is due in a second
        if disable {
            world.host.disable("a").unwrap();
        } else {
            world.host.stop(None, false).unwrap();
        }
        world.log();
        assert_eq!(world.host.attend(now + 9 * INTERVAL), None);
        assert!(world.log().is_empty());
        let expected = if disable { PluginState::Disabled } else { PluginState::Stopped };
        assert_eq!(world.host.status()[0].state, expected);
    }
}

#[test]
fn calls_that_fail_lead_to_restarts_too_and_no_news_is_no_proof() {
    let world = watched(&["a"], 1);
    let fail = || (0..5).for_each(|_| world.call("a", Some("no luck")));
    let now = Instant::now();
    fail();
    round(&world, now);
    round(&world, now + INTERVAL);
    assert_eq!(world.did("initialize"), ["a"]);
    round(&world, now + 2 * INTERVAL); // nobody has called it since
    assert_eq!(world.states(), "a running");
    fail();
    round(&world, now + 3 * INTERVAL);
    assert_eq!(world.states(), "a failed");
    assert!(world.failures()[0].contains("5 of its last 5 calls failed"));
}
