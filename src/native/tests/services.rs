//! What a plugin in C asks of its host, and who answers.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use common::{Built, load, no_config};
use zerepy_core::{Error, ErrorKind, Metrics, Reading, Result};
use zerepy_native::{
    CallOptions, Done, Instance, ResultTape, ServiceCall, Services, Subscriber, Tape, Undo, tag,
};

/// Writes down what is published, and refuses the rest.
#[derive(Default)]
struct Notes {
    published: Mutex<Vec<String>>,
    metrics: Arc<Metrics>,
}

fn refused<T>() -> Result<T> {
    Err(Error::new(ErrorKind::State, "not here"))
}

impl Services for Notes {
    fn publish(&self, source: &str, name: &str, data: Tape) -> Result<()> {
        assert_eq!(data.view().node(0).unwrap().tag, tag::NULL);
        self.published.lock().unwrap().push(format!("{source}: {name}"));
        Ok(())
    }

    fn subscribe(&self, _: &str, _: Subscriber) -> Result<Undo> {
        refused()
    }

    fn metrics(&self, _: &str) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    fn call(&self, _: ServiceCall<'_>) -> Result<ResultTape> {
        refused()
    }

    fn start(&self, _: ServiceCall<'_>, _: Done) -> Result<Undo> {
        refused()
    }
}

fn instance() -> Instance {
    load(&Built::of("services.c", &[]).path).unwrap().create(0).unwrap()
}

fn ask(instance: &Instance) -> Result<i64> {
    let mut params = Tape::default();
    params.null();
    let result = instance.call(0, &params)?;
    Ok(result.view().node(0)?.value.cast_signed())
}

#[test]
fn its_host_answers_under_the_name_it_has_there() {
    let (instance, notes) = (instance(), Arc::new(Notes::default()));
    assert!(instance.settle(Arc::clone(&notes) as _, "here"));
    assert!(!instance.settle(Arc::new(Notes::default()), "there"));
    instance.initialize(&no_config()).unwrap();
    assert_eq!(ask(&instance).unwrap(), 1);
    assert_eq!(*notes.published.lock().unwrap(), ["here: c.said"]);
    assert_eq!(notes.metrics.read(), [("asked".to_owned(), Reading::Counter(2))]);
}

#[test]
fn a_call_whose_time_is_over_is_told() {
    let instance = instance();
    assert!(instance.settle(Arc::new(Notes::default()), "here"));
    instance.initialize(&no_config()).unwrap();
    let mut params = Tape::default();
    params.null();
    let call = |options| instance.call_with(0, &params, options).map(drop);
    call(CallOptions::default()).unwrap();
    let over = CallOptions { deadline: Some(Instant::now()), ..CallOptions::default() };
    assert!(call(over).unwrap_err().message().ends_with("nobody waits"));
    let given_up = CallOptions::default();
    given_up.cancel.set();
    assert!(call(given_up).unwrap_err().message().ends_with("nobody waits"));
}

#[test]
fn without_a_host_that_is_an_error() {
    let instance = instance();
    instance.initialize(&no_config()).unwrap();
    let error = ask(&instance).unwrap_err();
    assert!(error.message().contains("is not run by a manager"), "{error}");
}
