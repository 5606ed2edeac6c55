//! Starting side by side.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use super::fake::World;
use crate::ErrorKind;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn independent_plugins_start_side_by_side() {
    let world = World::limited(&["a", "b", "c"], LONG);
    let meeting = Arc::new(Barrier::new(3)); // one after another, none would get past it
    for name in ["a", "b", "c"] {
        let meeting = Arc::clone(&meeting);
        world.script.on(&format!("{name}.initialize"), move || {
            meeting.wait();
            Ok(())
        });
    }
    assert_eq!(world.host.start(None).unwrap(), ["a", "b", "c"]);
}

#[test]
fn whichever_is_faster_the_order_is_that_of_the_graph() {
    let world = World::limited(&["a", "b", "c: a"], LONG);
    let end = world.script.hang("a.initialize");
    world.script.on("b.post_initialize", move || {
        end.send(Ok(())).ok(); // `a` comes up after `b`
        Ok(())
    });
    let started = world.host.start(None).unwrap();
    assert_eq!(started, ["a", "b", "c"]);
    assert_eq!(world.host.running(), started);
    let mut stopped = world.host.stop(None, false).unwrap();
    stopped.reverse();
    assert_eq!(stopped, started);
}

#[test]
fn a_plugin_starts_when_what_it_needs_runs_and_waits_for_nothing_else() {
    let world = World::limited(&["slow", "db", "app: db"], LONG);
    let end = world.script.hang("slow.initialize");
    world.script.on("app.initialize", move || {
        end.send(Ok(())).ok(); // else `slow` would never end
        Ok(())
    });
    assert_eq!(world.host.start(None).unwrap(), ["slow", "db", "app"]);
}

#[test]
fn waiting_for_dependencies_is_not_charged() {
    let limit = Duration::from_millis(140);
    let world = World::limited(&["a", "b: a", "c: b"], limit);
    for name in ["a", "b", "c"] {
        world.script.on(&format!("{name}.initialize"), || {
            std::thread::sleep(Duration::from_millis(50));
            Ok(())
        });
    }
    assert_eq!(world.host.start(None).unwrap(), ["a", "b", "c"]);
}

#[test]
fn one_failure_skips_what_needs_it_and_nothing_else() {
    let world = World::limited(&["a", "b: a", "c: b", "d"], LONG);
    world.script.fail("a.initialize", ErrorKind::Execution);
    assert_eq!(world.host.start(None).unwrap(), ["d"]);
    assert_eq!(world.states(), "a failed, b skipped, c skipped, d running");
    assert!(world.failures()[2].contains("\"c\" needs \"b\", which did not start: \"b\" needs"));
}

#[test]
fn more_plugins_than_threads_all_start() {
    let names: Vec<_> = (0..50).map(|number| format!("p{number:02}")).collect();
    let world = World::limited(&names.iter().map(String::as_str).collect::<Vec<_>>(), LONG);
    assert_eq!(world.host.start(None).unwrap(), names);
}

#[test]
fn an_interruption_in_one_ends_the_start() {
    let world = World::limited(&["a", "b: a"], LONG);
    world.script.fail("a.initialize", ErrorKind::Interrupted);
    assert_eq!(world.host.start(None).unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(world.states(), "a failed, b registered");
}
