//! Calls: who is let in, how they are counted, who hears of them.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;

use super::fake::World;
use crate::{Category, ErrorKind, Observer, Outcome};

#[test]
fn only_a_running_plugin_is_called_and_the_hint_says_what_to_do() {
    let settings = json!({"off": {"config": {"enabled": false}}});
    let plugins = ["new", "off", "gone", "broken", "waits: broken"];
    let world = World::configured(settings, &plugins);
    world.script.fail("broken.initialize", ErrorKind::Execution);
    world.host.start(Some("gone")).unwrap();
    world.host.stop(None, false).unwrap();
    world.host.start(Some("waits")).unwrap_err();
    for (plugin, message) in [
        (
            "new",
            "plugin \"new\" is registered; it must be running to be called. Start it first: call \
             start_plugins()",
        ),
        (
            "off",
            "plugin \"off\" is disabled; it must be running to be called. Switch it on with \
             enable(\"off\"), then start it",
        ),
        (
            "gone",
            "plugin \"gone\" is stopped; it must be running to be called. It was stopped: start \
             it again with start_plugins(\"gone\")",
        ),
        (
            "broken",
            "plugin \"broken\" is failed; it must be running to be called. It did not start: \
             broken.initialize failed",
        ),
        (
            "waits",
            "plugin \"waits\" is skipped; it must be running to be called. It did not start: \
             \"waits\" needs \"broken\", which did not start: broken.initialize failed. Mend \
             \"broken\" first, then start \"waits\" again",
        ),
    ] {
        let error = world.host.admit(plugin, "ask").err().unwrap();
        assert_eq!((error.kind(), error.plugin()), (ErrorKind::State, Some(plugin)));
        assert_eq!(error.to_string(), message);
        assert_eq!(world.host.instance(plugin).err().unwrap().to_string(), message);
        assert_eq!(world.monitor.stats(plugin), crate::Stats::default());
    }
    let error = world.host.admit("gnoe", "ask").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "no plugin is called \"gnoe\". Did you mean \"gone\"?");
}

#[test]
fn calls_are_counted_from_admission_to_the_end() {
    let world = World::new(&["a"]);
    world.host.start(None).unwrap();
    let call = world.host.admit("a", "ask").unwrap();
    assert_eq!((call.plugin(), call.action()), ("a", "ask"));
    assert_eq!(call.instance().name, "a");
    assert_eq!(world.monitor.stats("a").in_flight, 1);
    call.finish(Outcome::Success, None);
    world.call("a", Some("boom"));
    world.host.admit("a", "ask").unwrap().finish(Outcome::Timeout, Some("too slow"));
    drop(world.host.admit("a", "ask").unwrap());
    let stats = world.monitor.stats("a");
    assert_eq!((stats.calls, stats.errors, stats.timeouts, stats.in_flight), (4, 2, 1, 0));
    assert_eq!(stats.last_error.as_deref(), Some("too slow"));
    assert!(stats.last_used.is_some());
}

#[test]
fn counters_survive_a_restart() {
    let world = World::new(&["a"]);
    for calls in 1..=2 {
        world.host.start(None).unwrap();
        world.call("a", None);
        world.host.stop(None, false).unwrap();
        assert_eq!(world.monitor.stats("a").calls, calls);
    }
}

#[test]
fn events_are_named_after_connection_and_action() {
    let world = World::new(&["db"]);
    let mut action = world.plugin("post");
    action.info.category = Category::Action;
    world.accept(vec![action]);
    world.host.start(None).unwrap();
    world.events.take();
    for plugin in ["db", "post"] {
        world.call(plugin, None);
        world.call(plugin, Some("boom"));
    }
    drop(world.host.admit("db", "ask").unwrap());
    let events = world.events.take();
    let told: Vec<_> =
        events.iter().map(|event| format!("{} {}", event.name, event.data)).collect();
    assert_eq!(
        told,
        [
            "db.ask.start null",
            "db.ask.success null",
            "db.ask.start null",
            "db.ask.failure {\"error\":\"boom\"}",
            "action.post.start null",
            "action.post.success null",
            "action.post.start null",
            "action.post.failure {\"error\":\"boom\"}",
            "db.ask.start null",
            "db.ask.failure {\"error\":\"the caller did not wait for the end\"}",
        ]
    );
    assert_eq!((events[0].source.as_str(), events[4].source.as_str()), ("db", "post"));
}

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn before(&self, plugin: &str, action: &str) {
        self.0.lock().push(format!("before {plugin}.{action}"));
    }

    fn after(&self, plugin: &str, action: &str, outcome: Outcome, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds));
        self.0.lock().push(format!("after {plugin}.{action} {outcome:?}"));
    }
}

#[test]
fn observers_see_calls_that_were_let_in() {
    let (world, seen) = (World::new(&["a"]), Arc::new(Seen::default()));
    let id = world.monitor.observe(Arc::clone(&seen) as _);
    world.host.admit("a", "ask").err().unwrap();
    world.host.start(None).unwrap();
    world.call("a", None);
    world.call("a", Some("boom"));
    drop(world.host.admit("a", "ask").unwrap());
    world.monitor.unobserve(id);
    world.call("a", None);
    let ends = ["Success", "Failure", "Abandoned"];
    let expected = ends.map(|end| ["before a.ask".to_owned(), format!("after a.ask {end}")]);
    assert_eq!(*seen.0.lock(), expected.concat());
}

#[test]
fn two_observers_do_not_hide_each_other() {
    let world = World::new(&["a"]);
    world.host.start(None).unwrap();
    let seen = [Arc::new(Seen::default()), Arc::new(Seen::default())];
    let ids = seen.each_ref().map(|seen| world.monitor.observe(Arc::clone(seen) as _));
    assert!(world.monitor.unobserve(ids[0]) && !world.monitor.unobserve(ids[0]));
    world.call("a", None);
    assert_eq!(seen.each_ref().map(|seen| seen.0.lock().len()), [0, 2]);
}
