//! One lifecycle operation at a time.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::fake::World;
use crate::{ErrorKind, Host};

#[test]
fn a_plugin_cannot_start_or_stop_others_while_it_is_started() {
    type Operation = fn(&Host<super::fake::FakeClass>) -> crate::Result<Vec<String>>;
    let operations: [(&str, Operation); 2] = [
        ("start_plugins", |host| host.start(None)),
        ("stop_plugins", |host| host.stop(None, false)),
    ];
    for (name, operation) in operations {
        let world = World::new(&["a", "b"]);
        let host = Arc::downgrade(&world.host);
        world.script.on("a.initialize", move || operation(&host.upgrade().unwrap()).map(|_| ()));
        let error = world.host.start(Some("a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::State);
        assert_eq!(
            error.to_string(),
            format!(
                "{name} was called by a plugin or hook within start_plugins. Call it from \
                 outside, after that one returned"
            )
        );
        assert_eq!(world.host.start(Some("b")).unwrap(), ["b"]); // the turn was given back
    }
}

#[test]
fn a_plugin_can_look_around_and_call_while_it_is_started() {
    let world = World::new(&["a", "b: a"]);
    let host = Arc::downgrade(&world.host);
    world.script.on("b.initialize", move || {
        let host = host.upgrade().unwrap();
        host.admit("a", "ask")?.finish(crate::Outcome::Success, None);
        host.instance("a").map(|_| ())
    });
    assert_eq!(world.host.start(None).unwrap(), ["a", "b"]);
    assert_eq!(world.monitor.stats("a").calls, 1);
}

#[test]
fn of_two_threads_that_start_at_once_each_plugin_is_started_by_one() {
    let world = World::new(&["a", "b", "c: b"]);
    world.script.on("b.initialize", || {
        thread::sleep(Duration::from_millis(5));
        Ok(())
    });
    let mut names = thread::scope(|scope| {
        let start = || world.host.start(None).unwrap();
        let threads = [scope.spawn(start), scope.spawn(start)];
        threads.map(|thread| thread.join().unwrap()).concat()
    });
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(world.did("initialize"), ["a", "b", "c"]);
    assert_eq!(world.states(), "a running, b running, c running");
}
