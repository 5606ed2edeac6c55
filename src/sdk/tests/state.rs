//! What a plugin remembers, and another configuration while it runs, through its table.

use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::json;
use zerepy_plugin::testing::Harness;
use zerepy_plugin::{Config, Error, Result, Schema, plugin};

struct Tally {
    count: AtomicI64,
}

#[derive(Deserialize, Schema)]
struct Options {
    step: i64,
}

#[derive(Deserialize, Serialize)]
struct State {
    count: i64,
}

#[plugin(connection, name = "tally")]
impl Tally {
    fn initialize(config: Config<Options>) -> Self {
        Self { count: AtomicI64::new(config.options.step) }
    }

    fn reconfigure(&self, config: Config<Options>) -> Result<()> {
        assert!(config.options.step != 13, "13");
        if config.options.step == 0 {
            return Err(Error::config("options.step: must not be 0"));
        }
        self.count.store(config.options.step, Ordering::Relaxed);
        Ok(())
    }

    fn save_state(&self) -> Result<State> {
        Ok(State { count: self.count.load(Ordering::Relaxed) })
    }

    fn load_state(&self, state: State) {
        self.count.store(state.count, Ordering::Relaxed);
    }

    #[action]
    fn get(&self) -> i64 {
        self.count.load(Ordering::Relaxed)
    }
}

fn options(step: i64) -> serde_json::Value {
    json!({"options": {"step": step}})
}

#[test]
fn what_is_saved_can_be_loaded() {
    let mut harness = Harness::<Tally>::new();
    harness.initialize(&options(7)).unwrap();
    let state: serde_json::Value = harness.save_state().unwrap();
    assert_eq!(state, json!({"count": 7}));
    harness.load_state(&json!({"count": -1})).unwrap();
    assert_eq!(harness.call::<i64>("get", &()).unwrap(), -1);
    let failure = harness.load_state(&json!({"count": "x"})).unwrap_err();
    assert_eq!(failure.code, "execution");
    assert!(failure.message.starts_with("state.count: "), "{}", failure.message);
}

#[test]
fn a_configuration_is_taken_over_or_refused() {
    let mut harness = Harness::<Tally>::new();
    harness.initialize(&options(7)).unwrap();
    harness.reconfigure(&options(2)).unwrap();
    let refused = harness.reconfigure(&options(0)).unwrap_err();
    assert_eq!((refused.code, &*refused.message), ("config", "options.step: must not be 0"));
    assert_eq!(harness.reconfigure(&json!({"options": {}})).unwrap_err().code, "config");
    assert_eq!(harness.call::<i64>("get", &()).unwrap(), 2);
    assert_eq!(harness.reconfigure(&options(13)).unwrap_err().code, "panic");
    assert_eq!(harness.call::<i64>("get", &()).unwrap_err().code, "state");
}

#[test]
fn nothing_is_given_before_it_is_initialized() {
    let harness = Harness::<Tally>::new();
    assert_eq!(harness.save_state::<serde_json::Value>().unwrap_err().code, "state");
    assert_eq!(harness.reconfigure(&options(1)).unwrap_err().code, "state");
}
