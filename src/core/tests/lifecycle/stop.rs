//! Stopping plugins.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::fake::World;
use super::logs;
use crate::{ErrorKind, Outcome};

fn running(plugins: &[&str]) -> World {
    let world = World::new(plugins);
    world.host.start(None).unwrap();
    world.log();
    world
}

fn stopped(world: &World, only: Option<&str>) -> String {
    world.host.stop(only, false).unwrap().join(" ")
}

#[test]
fn stopping_is_the_exact_reverse_of_starting() {
    let world = World::new(&["a", "b", "c: d", "d"]);
    world.host.start(Some("c")).unwrap();
    world.host.start(None).unwrap();
    assert_eq!(world.did("initialize"), ["d", "c", "a", "b"]);
    assert_eq!(stopped(&world, None), "b a c d");
    assert_eq!(world.did("cleanup"), ["b", "a", "c", "d"]);
    assert_eq!(world.states(), "a stopped, b stopped, c stopped, d stopped");
    assert_eq!(stopped(&world, None), "");
    assert_eq!(world.host.start(None).unwrap(), ["a", "b", "d", "c"]);
}

#[test]
fn with_one_name_its_dependents_stop_first() {
    for (only, order) in
        [("db", "web app db"), ("app", "web app"), ("web", "web"), ("other", "other")]
    {
        let world = running(&["db", "app: db", "other", "web: app"]);
        assert_eq!(stopped(&world, Some(only)), order);
    }
    let world = running(&["a"]);
    assert_eq!(world.host.stop(Some("b"), false).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_instance_is_dropped_when_it_is_stopped() {
    let world = running(&["a"]);
    let instance = Arc::downgrade(&world.host.instance("a").unwrap());
    assert_eq!(stopped(&world, None), "a");
    assert!(instance.upgrade().is_none());
}

#[test]
fn events_tell_of_every_move() {
    let world = running(&["a"]);
    world.events.take();
    stopped(&world, None);
    assert_eq!(world.events.names(), ["plugin.stopping", "plugin.stopped"]);
}

#[test]
fn everything_is_cleaned_up_and_all_errors_are_told_together() {
    let world = running(&["a", "b", "c"]);
    for step in ["a.cleanup", "c.pre_cleanup", "c.cleanup", "c.release", "c.post_cleanup"] {
        world.script.fail(step, ErrorKind::Cleanup);
    }
    let error = world.host.stop(None, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cleanup);
    assert_eq!(
        error.to_string(),
        "some plugins failed to clean up:\n  \
         - plugin \"c\" failed to clean up:\n  \
         - c.pre_cleanup failed\n  - c.cleanup failed\n  - c.release failed\n  \
         - c.post_cleanup failed\n  \
         - a.cleanup failed"
    );
    assert_eq!(error.parts().len(), 2);
    assert_eq!(
        world.log(),
        [
            "c.pre_cleanup",
            "c.cleanup",
            "c.release",
            "c.post_cleanup(c.cleanup failed)",
            "b.pre_cleanup",
            "b.cleanup",
            "b.release",
            "b.post_cleanup",
            "a.pre_cleanup",
            "a.cleanup",
            "a.release",
            "a.post_cleanup(a.cleanup failed)",
        ]
    );
    assert_eq!(world.states(), "a failed, b stopped, c failed");
}

#[test]
fn what_failed_to_clean_up_can_be_stopped_again() {
    let world = running(&["a", "b: a"]);
    world.script.fail("a.cleanup", ErrorKind::Cleanup);
    assert_eq!(world.host.stop(None, false).unwrap_err().plugin(), Some("a"));
    assert_eq!(world.states(), "a failed, b stopped");
    assert_eq!(world.failures(), ["cleanup a: a.cleanup failed"]);
    let refused = world.host.admit("a", "ask").err().unwrap();
    assert_eq!(refused.hint(), Some("It failed to clean up: a.cleanup failed"));

    assert_eq!(world.host.start(None).unwrap(), [""; 0]); // it would run twice
    assert_eq!(
        world.failures()[1],
        "resolve b: \"b\" needs \"a\", which failed to clean up. \"b\" starts once \"a\" can"
    );
    assert_eq!(world.host.start(Some("a")).unwrap_err().message(), "a.cleanup failed");
    world.host.stop(None, false).unwrap_err();

    world.script.mend("a.cleanup");
    assert_eq!(stopped(&world, Some("a")), "a");
    assert_eq!(world.host.start(None).unwrap(), ["a", "b"]);
    assert!(world.failures().is_empty());
}

#[test]
fn force_drops_what_failed_to_clean_up() {
    let world = running(&["a"]);
    world.script.fail("a.cleanup", ErrorKind::Cleanup);
    world.host.stop(None, false).unwrap_err();
    let told = logs::of(|| {
        assert_eq!(world.host.stop(Some("a"), true).unwrap(), ["a"]);
    });
    assert_eq!(told, ["zerepy_plugins.lifecycle: dropped by force"]);
    assert_eq!(world.states(), "a stopped");
    assert!(world.failures().is_empty());
    assert_eq!(world.host.start(None).unwrap(), ["a"]);
}

#[test]
fn an_interruption_passes_through_once_everything_is_cleaned_up() {
    for force in [false, true] {
        let world = running(&["a", "b"]);
        world.script.fail("b.cleanup", ErrorKind::Interrupted);
        world.script.fail("a.cleanup", ErrorKind::Cleanup);
        assert_eq!(world.host.stop(None, force).unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(world.did("cleanup"), ["b", "a"]);
    }
}

#[test]
fn cleanup_waits_for_a_running_call_and_new_ones_are_refused() {
    let world = running(&["a"]);
    let call = world.host.admit("a", "ask").unwrap();
    thread::scope(|scope| {
        let stopping = scope.spawn(|| world.host.stop(None, false));
        while world.states() != "a stopping" {
            assert!(!stopping.is_finished());
            thread::yield_now();
        }
        let refused = world.host.admit("a", "ask").err().unwrap();
        assert!(refused.message().starts_with("plugin \"a\" is stopping"), "{refused}");
        thread::sleep(Duration::from_millis(5));
        assert!(world.did("cleanup").is_empty() && !stopping.is_finished());
        call.finish(Outcome::Success, None);
        assert_eq!(stopping.join().unwrap().unwrap(), ["a"]);
    });
    assert_eq!(world.did("cleanup"), ["a"]);
}

#[test]
fn hooks_that_fail_are_reported_and_cleanup_goes_on() {
    let world = running(&["a"]);
    world.script.fail("a.pre_cleanup", ErrorKind::Execution);
    let error = world.host.stop(None, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cleanup);
    assert_eq!(error.message(), "plugin \"a\" failed to clean up: a.pre_cleanup failed");
    assert_eq!(world.log(), ["a.pre_cleanup", "a.cleanup", "a.release", "a.post_cleanup"]);
    assert_eq!(world.states(), "a failed");
    assert_eq!(
        world.failures(),
        ["cleanup a: plugin \"a\" failed to clean up: a.pre_cleanup failed"]
    );
}

#[test]
fn nothing_is_stopped_that_was_not_started() {
    let world = World::configured(json!({"off": {"config": {"enabled": false}}}), &["a", "off"]);
    for only in [None, Some("a"), Some("off")] {
        assert_eq!(stopped(&world, only), "");
    }
    assert_eq!(world.states(), "a registered, off disabled");
    assert!(world.log().is_empty());
}

#[test]
fn calls_that_go_on_under_the_cleanup_are_named_with_their_number() {
    for (calls, named) in [(1, "5 calls"), (0, "4 calls")] {
        let world = running(&["a"]);
        let attempts: Vec<_> = (0..4)
            .map(|_| {
                let call = world.host.admit("a", "ask").unwrap();
                let attempt = call.attempt(Some(Duration::from_millis(1))).unwrap();
                call.finish(Outcome::Timeout, None);
                attempt
            })
            .collect();
        let in_flight: Vec<_> = (0..calls).map(|_| world.host.admit("a", "ask").unwrap()).collect();
        assert!(attempts.iter().all(|attempt| attempt.give_up())); // wedged: nobody waits for more
        let told = logs::of(|| assert_eq!(stopped(&world, None), "a"));
        let wanted = format!("{named} of plugin \"a\" still running: cleaning up all the same");
        assert!(told.iter().any(|line| line.ends_with(&wanted)), "{told:?}");
        drop(in_flight);
    }
}
