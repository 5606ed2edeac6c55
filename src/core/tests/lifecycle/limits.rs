//! Time limits of initialize and cleanup, and what a late end does.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::fake::{Impatient, PlainThreads, World};
use crate::{ErrorKind, Limits};

const SHORT: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(60);

/// A world in which only these have a limit, a short one, for each of their steps.
fn hurried(plugins: &[&str], hurried: &[&str]) -> World {
    let settings = hurried.iter().map(|name| {
        ((*name).to_owned(), json!({"config": {"options": {"timeout": SHORT.as_secs_f64()}}}))
    });
    World::configured(settings.collect::<serde_json::Map<_, _>>().into(), plugins)
}

/// A world in which a cleanup has a short limit, but not that of `a`.
fn hurried_cleanup(limit: Duration) -> World {
    let settings = json!({"a": {"config": {"options": {"timeout": null}}}});
    let limits = Limits { cleanup: Some(limit), ..Limits::default() };
    World::made_of(settings, &["a", "b"], limits, Arc::new(PlainThreads))
}

/// Takes the log until it has that step.
fn log_until(world: &World, step: &str) -> Vec<String> {
    let mut log = Vec::new();
    until_true(|| {
        log.extend(world.log());
        log.iter().any(|line| line == step)
    });
    log
}

fn until_true(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn an_initialize_that_hangs_fails_at_its_limit_and_the_others_run() {
    let world = hurried(&["a", "b: a", "c"], &["a"]);
    let _end = world.script.hang("a.initialize");
    assert_eq!(world.host.start(None).unwrap(), ["c"]);
    assert_eq!(world.states(), "a failed, b skipped, c running");
    assert_eq!(
        world.failures()[0],
        "initialize a: initialize of plugin \"a\" did not end within 0.01 s; it is still running. \
         Raise the limit, \"timeout\" under \"options\", if it needs longer"
    );
    assert_eq!(world.host.failures()[0].error.kind(), ErrorKind::Timeout);
    assert_eq!(world.monitor.stats("a").still_running, 1);
}

#[test]
fn a_late_initialize_is_undone_and_flips_no_state() {
    for (outcome, undone) in [(true, vec!["a.cleanup", "a.release"]), (false, vec!["a.release"])] {
        let world = hurried(&["a"], &["a"]);
        let end = world.script.hang("a.initialize");
        let error = world.host.start(Some("a")).unwrap_err();
        assert_eq!((error.kind(), error.plugin()), (ErrorKind::Timeout, Some("a")));
        let log = world.log();
        assert!(!log.contains(&"a.release".to_owned()), "{log:?}"); // it may still use them
        let failed = crate::Error::new(ErrorKind::Execution, "late");
        end.send(if outcome { Ok(()) } else { Err(failed) }).unwrap();
        assert_eq!(log_until(&world, "a.release"), undone);
        assert_eq!(world.states(), "a failed");
        assert_eq!((world.monitor.stats("a").still_running, world.monitor.stats("a").late), (0, 1));
    }
}

#[test]
fn what_can_be_cancelled_is_and_releases_what_it_had() {
    let world = hurried(&["a"], &["a"]);
    world.script.hang_until_cancelled("a.initialize");
    let error = world.host.start(Some("a")).unwrap_err();
    assert_eq!(
        error.message(),
        "initialize of plugin \"a\" did not end within 0.01 s; it was cancelled"
    );
    assert_eq!(world.log().last().unwrap(), "a.release");
    assert_eq!(world.monitor.stats("a").still_running, 0);
}

#[test]
fn a_plugins_own_limit_goes_before_the_hosts() {
    let settings = json!({"a": {"config": {"options": {"timeout": 0.01}}}});
    let limits = Limits { initialize: Some(LONG), ..Limits::default() };
    let threads = Arc::new(PlainThreads);
    let world = World::made_of(settings, &["a"], limits, threads);
    let _end = world.script.hang("a.initialize");
    assert!(world.host.start(Some("a")).unwrap_err().message().contains("within 0.01 s"));
}

#[test]
fn a_slow_step_is_told_of_at_half_its_limit() {
    let world = hurried(&["a"], &["a"]);
    world.events.take();
    let _end = world.script.hang("a.initialize");
    world.host.start(Some("a")).unwrap_err();
    let events = world.events.take();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["plugin.initializing", "plugin.slow", "plugin.failed"]);
    assert_eq!(events[1].data, json!({"plugin": "a", "step": "initialize", "limit": 0.01}));
}

#[test]
fn a_cleanup_that_hangs_is_a_failure_and_stop_goes_on() {
    let world = hurried_cleanup(20 * SHORT); // the second one is to end in time
    world.host.start(None).unwrap();
    let end = world.script.hang("b.cleanup");
    let error = world.host.stop(None, false).unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::Cleanup, Some("b")));
    assert!(error.message().contains("did not end within 0.2 s; it is still running"), "{error}");
    assert_eq!(world.states(), "a stopped, b failed");

    let error = world.host.stop(None, false).unwrap_err(); // not a second one beside it
    assert!(error.message().contains("is still running since it was last stopped"), "{error}");
    end.send(Ok(())).unwrap();
    until_true(|| world.monitor.stats("b").still_running == 0);
    assert_eq!(world.states(), "a stopped, b failed");
    world.script.mend("b.cleanup");
    assert_eq!(world.host.stop(None, false).unwrap(), ["b"]);
}

#[test]
fn a_successor_that_hangs_does_not_take_over() {
    let world = World::new(&["a"]);
    world.host.start(None).unwrap();
    let old = world.host.instance("a").unwrap();
    let end = world.script.hang("a.initialize");
    let config = json!({"options": {"timeout": 0.01}});
    let error = world.host.update_config("a", config.as_object().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(Arc::ptr_eq(&old, &world.host.instance("a").unwrap()));
    world.log();
    end.send(Ok(())).unwrap();
    assert_eq!(log_until(&world, "a.release"), ["a.cleanup", "a.release"]); // it is undone
    assert_eq!(world.states(), "a running");
}

#[test]
fn calls_have_the_limit_that_is_configured_now() {
    let world = World::new(&["a"]);
    world.host.start(None).unwrap();
    let limit = || {
        let call = world.host.admit("a", "ask").unwrap();
        let limit = call.attempt(None).map(|attempt| attempt.limit());
        call.finish(crate::Outcome::Success, None);
        limit
    };
    assert_eq!(limit(), None);
    world.script.on("a.reconfigure", || Ok(())); // it takes it over itself
    let config = json!({"options": {"timeout": 3}});
    world.host.update_config("a", config.as_object().unwrap()).unwrap();
    assert_eq!(limit(), Some(Duration::from_secs(3)));
}

#[test]
fn force_drops_what_hangs() {
    let world = hurried_cleanup(SHORT);
    world.host.start(None).unwrap();
    let _end = world.script.hang("b.cleanup");
    assert_eq!(world.host.stop(None, true).unwrap(), ["b", "a"]);
    assert_eq!(world.states(), "a stopped, b stopped");
}

#[test]
fn a_whole_stop_has_a_limit_too() {
    let limits = Limits { cleanup: Some(LONG), stop: Some(SHORT), ..Limits::default() };
    let threads = Arc::new(PlainThreads);
    let world = World::made_of(json!({}), &["a", "b"], limits, threads);
    world.host.start(None).unwrap();
    let _end = world.script.hang("b.cleanup");
    let error = world.host.stop(None, false).unwrap_err();
    assert_eq!(error.parts().len(), 2);
    assert!(
        error.message().contains("plugin \"a\" was not cleaned up: no time was left"),
        "{error}"
    );
    assert_eq!(world.states(), "a failed, b failed");
    assert!(!log_until(&world, "b.cleanup").contains(&"a.cleanup".to_owned()));
}

fn impatient(times: usize) -> World {
    let limits = Limits { cleanup: Some(LONG), ..Limits::default() };
    let threads = Arc::new(Impatient(AtomicUsize::new(times)));
    World::made_of(json!({}), &["a", "b"], limits, threads)
}

#[test]
fn an_interruption_ends_the_wait_for_initialize() {
    let limits = Limits { initialize: Some(LONG), ..Limits::default() };
    let threads = Arc::new(Impatient(AtomicUsize::new(1)));
    let world = World::made_of(json!({}), &["a", "b"], limits, threads);
    let _ends = ["a", "b"].map(|name| world.script.hang(&format!("{name}.initialize")));
    assert_eq!(world.host.start(None).unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(world.states(), "a failed, b failed");
    assert_eq!(world.monitor.stats("a").still_running, 1);
}

#[test]
fn one_interruption_ends_the_wait_for_calls_and_a_second_one_all_waiting() {
    for times in [1, 2] {
        let world = impatient(times);
        world.host.start(None).unwrap();
        world.log();
        let _call = world.host.admit("b", "ask").unwrap();
        let end = world.script.hang("b.cleanup");
        if times == 1 {
            end.send(Ok(())).unwrap();
        }
        assert_eq!(world.host.stop(None, false).unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(world.states(), "a stopped, b stopped");
        let log = log_until(&world, "b.cleanup");
        assert_eq!(log.contains(&"a.cleanup".to_owned()), times == 1);
    }
}
