//! Reloading plugins.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;

use super::fake::{FakeClass, Impatient, World};
use crate::{Error, ErrorKind, Limits, Outcome, PluginState, Registered, Reloader, Result, Stage};

/// Finds what a line says, and remembers how it went.
struct Source<'w> {
    world: &'w World,
    line: Result<&'static str>,
    settled: Mutex<Vec<bool>>,
}

impl Reloader<FakeClass> for Source<'_> {
    fn load(&self, old: &Registered<FakeClass>) -> Result<Registered<FakeClass>, (Stage, Error)> {
        assert_eq!(old.origin, format!("{}.py", old.info.name));
        let line = self.line.clone().map_err(|error| (Stage::Load, error))?;
        Ok(self.world.plugin(line))
    }

    fn settle(&self, took_over: bool) {
        self.settled.lock().push(took_over);
    }
}

fn reload(world: &World, plugin: &str, line: &'static str) -> (Result<()>, Vec<bool>) {
    let source = Source { world, line: Ok(line), settled: Mutex::default() };
    (world.host.reload(plugin, &source), source.settled.into_inner())
}

fn reloaded(world: &World, plugin: &str, line: &'static str) {
    let (outcome, settled) = reload(world, plugin, line);
    outcome.unwrap();
    assert_eq!(settled, [true]);
}

fn running(plugins: &[&str]) -> World {
    let world = World::new(plugins);
    world.host.start(None).unwrap();
    world.log();
    world
}

#[test]
fn the_new_one_runs_before_the_old_one_ends() {
    let world = running(&["a 1.0", "b"]);
    world.events.take();
    let old = Arc::downgrade(&world.host.instance("a").unwrap());
    reloaded(&world, "a", "a 1.1");
    let steps = ["pre_initialize", "initialize", "post_initialize"];
    let steps = steps.into_iter().chain(["pre_cleanup", "cleanup", "release", "post_cleanup"]);
    assert_eq!(world.log(), steps.map(|step| format!("a.{step}")).collect::<Vec<_>>());
    assert!(old.upgrade().is_none());
    assert_eq!(world.events.names(), ["plugin.reloaded"]);
    assert_eq!(world.host.status()[0].info.version, "1.1");
    assert_eq!(world.states(), "a running, b running");
    assert_eq!(world.host.stop(None, false).unwrap(), ["b", "a"]);
    assert_eq!(world.host.start(Some("a")).unwrap(), ["a"]);
    assert_eq!(world.host.status()[0].info.version, "1.1");
}

#[test]
fn what_was_switched_off_by_hand_stays_off() {
    let world = running(&["a 1.0"]);
    world.host.disable("a").unwrap();
    reloaded(&world, "a", "a 1.1");
    assert_eq!(world.states(), "a disabled");
    world.host.enable("a").unwrap();
    assert_eq!(world.host.start(None).unwrap(), ["a"]);
    assert_eq!(world.host.status()[0].info.version, "1.1");
}

#[test]
fn whatever_fails_the_old_one_runs_on_and_the_failure_is_told() {
    let world = running(&["a", "b: a>=1"]);
    let instance = || Arc::as_ptr(&world.host.instance("a").unwrap());
    let before = instance();
    let said = |line| {
        let (outcome, settled) = reload(&world, "a", line);
        assert_eq!(settled, [false]);
        assert_eq!(instance(), before);
        assert_eq!(world.states(), "a running, b running");
        let error = outcome.unwrap_err();
        let failures = world.failures();
        assert!(failures[0].contains(error.message()), "{failures:?}");
        failures.join("; ").split(". ").next().unwrap().to_owned()
    };
    for (step, kind) in [("create", ErrorKind::Execution), ("pre_initialize", ErrorKind::Execution)]
    {
        world.script.fail(&format!("a.{step}"), kind);
        assert_eq!(said("a"), format!("initialize a: a.{step} failed"));
        world.script.mend(&format!("a.{step}"));
    }
    assert!(said("x").starts_with("validate a: it is the connection plugin \"x\" now"));
    assert!(said("a 0.9").contains("\"b\" needs \"a>=1\""), "{}", said("a 0.9"));
    assert!(said("a: c").contains("which is missing"), "{}", said("a: c"));
    world.log();
    reloaded(&world, "a", "a 2");
    assert_eq!(world.failures(), [] as [String; 0]);
}

#[test]
fn an_old_one_whose_save_hangs_runs_on() {
    let settings = json!({"a": {"config": {"options": {"timeout": 0.02}}}});
    let world = World::configured(settings, &["a"]);
    world.host.start(None).unwrap();
    let old = world.host.instance("a").unwrap();
    let _end = world.script.hang("a.save_state");
    let (outcome, settled) = reload(&world, "a", "a 2");
    let error = outcome.unwrap_err();
    assert!(error.message().starts_with("save_state of plugin \"a\" did not end"), "{error}");
    assert_eq!((error.kind(), settled), (ErrorKind::Timeout, vec![false]));
    assert!(Arc::ptr_eq(&old, &world.host.instance("a").unwrap()));
    world.call("a", None);
}

#[test]
fn what_cannot_be_loaded_changes_nothing() {
    let world = running(&["a"]);
    let error = Error::new(ErrorKind::Load, "line 3: syntax error");
    let source = Source { world: &world, line: Err(error), settled: Mutex::default() };
    assert_eq!(world.host.reload("a", &source).unwrap_err().message(), "line 3: syntax error");
    assert_eq!(source.settled.into_inner(), [] as [bool; 0]);
    assert_eq!(world.failures(), ["load a: line 3: syntax error"]);
    assert_eq!(world.states(), "a running");
    assert_eq!(world.log(), [] as [String; 0]);
}

#[test]
fn calls_in_flight_end_on_the_old_one() {
    let world = running(&["a"]);
    let call = world.host.admit("a", "ask").unwrap();
    let old = Arc::clone(call.instance());
    thread::scope(|scope| {
        let reloading = scope.spawn(|| reloaded(&world, "a", "a 2"));
        while world.host.status()[0].info.version == "1.0" {
            thread::sleep(Duration::from_millis(1));
        }
        let new = world.host.admit("a", "ask").unwrap();
        assert!(!Arc::ptr_eq(&old, new.instance()));
        new.finish(Outcome::Success, None);
        assert!(!reloading.is_finished());
        assert!(!world.log().iter().any(|step| step == "a.cleanup"));
        drop(old);
        call.finish(Outcome::Success, None);
        reloading.join().unwrap();
    });
    assert!(world.log().iter().any(|step| step == "a.cleanup"));
}

#[test]
fn calls_never_meet_a_gap() {
    const VERSIONS: [&str; 5] = ["a 2", "a 3", "a 4", "a 5", "a 6"];
    let (world, ended) = (running(&["a"]), AtomicBool::new(false));
    thread::scope(|scope| {
        let calling = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                world.call("a", None); // panics if it is not admitted
            }
        });
        for (before, line) in VERSIONS.iter().enumerate() {
            while !calling.is_finished() && world.monitor.stats("a").calls <= before as u64 * 20 {
                thread::yield_now();
            }
            reloaded(&world, "a", line);
        }
        ended.store(true, Ordering::Relaxed);
        calling.join().unwrap();
    });
}

#[test]
fn what_had_failed_is_started_and_what_was_stopped_is_not() {
    let world = World::new(&["a", "b: a", "c"]);
    world.script.fail("a.initialize", ErrorKind::Execution);
    world.host.start(None).unwrap();
    world.host.stop(Some("c"), false).unwrap();
    assert_eq!(world.states(), "a failed, b skipped, c stopped");
    world.script.mend("a.initialize");
    reloaded(&world, "a", "a");
    reloaded(&world, "c", "c 3");
    assert_eq!(world.states(), "a running, b skipped, c registered");
    reloaded(&world, "b", "b: a");
    assert_eq!(world.states(), "a running, b running, c registered");
}

#[test]
fn an_unknown_one_cannot_be_reloaded_nor_one_that_has_to_be_cleaned_up_first() {
    let world = running(&["a"]);
    assert_eq!(reload(&world, "b", "b").0.unwrap_err().kind(), ErrorKind::NotFound);
    world.script.fail("a.cleanup", ErrorKind::Cleanup);
    world.host.stop(None, false).unwrap_err();
    assert_eq!(world.host.status()[0].state, PluginState::Failed);
    let error = reload(&world, "a", "a 2").0.unwrap_err();
    assert!(error.hint().unwrap().contains("failed to clean up"), "{error}");
}

#[test]
fn an_error_of_the_old_ones_cleanup_is_logged_only() {
    let world = running(&["a"]);
    world.script.fail("a.cleanup", ErrorKind::Cleanup);
    let logged = super::logs::of(|| reloaded(&world, "a", "a 2"));
    assert_eq!(logged.len(), 1);
    assert_eq!(world.states(), "a running");
}

/// An action whose name is asked for by a host that is about to let it in: each time until then, the
/// plugin is replaced.
struct Overtaken<'w>(&'w World, &'w Cell<u32>, &'w str);

impl AsRef<str> for Overtaken<'_> {
    fn as_ref(&self) -> &str {
        let Self(world, left, action) = self;
        if let Some(less) = left.get().checked_sub(1) {
            left.set(less);
            reloaded(world, "a", "a 2");
        }
        action
    }
}

#[test]
fn a_call_follows_every_replacement_that_overtakes_it() {
    for replacements in 1..=3 {
        let (world, left) = (running(&["a"]), Cell::new(replacements));
        let call = world.host.admit("a", Overtaken(&world, &left, "ask")).unwrap();
        assert!(Arc::ptr_eq(call.instance(), &world.host.instance("a").unwrap()));
        assert_eq!(left.get(), 0);
        call.finish(Outcome::Success, None);
        assert_eq!((world.monitor.stats("a").calls, world.monitor.stats("a").in_flight), (1, 0));
    }
}

#[test]
fn an_interruption_ends_the_wait_for_calls_and_the_new_one_runs() {
    let is_gone = |world: &World| world.did("cleanup") == ["a"];
    let ends: [fn(&World); 2] = [
        |world| {
            world.host.attend(Instant::now());
        },
        |world| assert_eq!(world.host.stop(None, false).unwrap(), ["a"]),
    ];
    for (at, end) in ends.into_iter().enumerate() {
        let threads = Arc::new(Impatient(AtomicUsize::new(0)));
        let world = World::made_of(json!({}), &["a"], Limits::default(), Arc::clone(&threads) as _);
        world.host.start(None).unwrap();
        let call = world.host.admit("a", "ask").unwrap();
        world.events.take();
        threads.0.store(1, Ordering::SeqCst);
        let (outcome, settled) = reload(&world, "a", "a 2");
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!((settled, world.states().as_str()), (vec![true], "a running"));
        assert_eq!(world.host.status()[0].info.version, "2");
        assert!(world.failures().is_empty());
        assert_eq!(world.events.names(), ["plugin.reloaded"]);
        world.call("a", None); // the new one takes calls
        world.host.attend(Instant::now());
        assert!(!is_gone(&world));
        call.finish(Outcome::Success, None);
        world.log();
        end(&world);
        let expected = if at == 0 { vec!["a"] } else { vec!["a", "a"] };
        until_cleaned(&world, &expected);
        assert!(world.host.replaced.lock().is_empty());
    }
}

/// Waits until that many were cleaned up: the supervisor may have been faster than the test.
fn until_cleaned(world: &World, expected: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut cleaned = Vec::new();
    while cleaned != expected {
        assert!(Instant::now() < deadline, "{cleaned:?}");
        cleaned.extend(world.did("cleanup"));
        thread::yield_now();
    }
}
