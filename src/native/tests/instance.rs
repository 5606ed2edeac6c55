//! The life of an instance, its calls, and what keeps them apart.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::sync::Arc;
use std::thread;

use common::{Built, json_tape, load, no_config, tape};
use serde_json::{Value, json};
use zerepy_core::{Error, ErrorKind};
use zerepy_native::{Instance, tag, to_json};

const ECHO: u32 = 0;
const FAIL: u32 = 1;
const SILENT: u32 = 2;
const WAIT: u32 = 3;
const HOSTILE: u32 = 4;
const NOTHING: u32 = 5;

fn created(flags: &[&str]) -> Instance {
    load(&Built::new(flags).path).unwrap().create(0).unwrap()
}

fn ready(flags: &[&str]) -> Instance {
    let instance = created(flags);
    instance.initialize(&no_config()).unwrap();
    instance
}

fn call(instance: &Instance, action: u32, params: &Value) -> Result<Value, Error> {
    to_json(instance.call(action, &json_tape(params))?.view())
}

/// Asks the plugin's own counters, through its `validate`.
fn counter(instance: &Instance, which: i64) -> u64 {
    let answer = instance.validate(ECHO, &tape(|tape| tape.int(which))).unwrap().unwrap();
    answer.view().node(0).unwrap().value
}

#[test]
fn a_whole_life() {
    let instance = created(&[]);
    assert_eq!(instance.info().name, "echo");
    assert_eq!(instance.is_configured().unwrap(), Some(false));
    assert_eq!(instance.health().unwrap(), None);
    instance.cleanup().unwrap(); // nothing to do
    for _ in 0..2 {
        instance.initialize(&no_config()).unwrap();
        assert_eq!(instance.is_configured().unwrap(), Some(true));
        let params = json!({"a": [1, -2.5, "text", null, true], "b": {}});
        assert_eq!(call(&instance, ECHO, &params).unwrap(), params);
        instance.cleanup().unwrap();
        instance.cleanup().unwrap();
    }
    assert_eq!(instance.is_configured().unwrap(), Some(false));
}

#[test]
fn lent_values_arrive() {
    let (text, bytes) = ("lent \u{e9}", b"\0\xff".as_slice());
    let params = tape(|tape| {
        let list = tape.begin_tuple(3).unwrap();
        tape.str("copied").unwrap();
        // SAFETY: both are constants.
        unsafe { tape.str_ref(text.as_ptr(), text.len()) }.unwrap();
        // SAFETY: as above.
        unsafe { tape.bytes_ref(bytes.as_ptr(), bytes.len()) }.unwrap();
        tape.end(list).unwrap();
    });
    assert!(params.view().node(2).is_err(), "lent values are not read back");
    let result = ready(&[]).call(ECHO, &params).unwrap();
    let view = result.view();
    let node = |index| view.node(index).unwrap();
    assert_eq!((node(0).tag, node(0).len), (tag::TUPLE, 3));
    assert_eq!(view.text(node(1)), Ok("copied"));
    assert_eq!(view.text(node(2)), Ok(text));
    assert_eq!(view.bytes(node(3)), Ok(bytes));
}

#[test]
fn errors_keep_their_kind_and_are_released() {
    let instance = ready(&["-DSDK=\"counted\""]);
    let before = counter(&instance, 2);
    let error = call(&instance, FAIL, &json!(2)).unwrap_err();
    assert_eq!((error.kind(), error.plugin()), (ErrorKind::InvalidParams, Some("echo")));
    assert!(error.message().contains("action \"fail\" of plugin \"echo\""), "{error}");
    assert!(error.message().ends_with("on purpose"), "{error}");
    let panic = call(&instance, FAIL, &json!(5)).unwrap_err();
    assert_eq!(panic.kind(), ErrorKind::Panic);
    assert!(panic.message().contains("panicked at echo.c:1"), "{panic}");
    assert_eq!(counter(&instance, 2), before + 4); // two errors, and two results left behind
    let silent = call(&instance, SILENT, &json!(null)).unwrap_err();
    assert!(silent.message().contains("the plugin gave no reason"), "{silent}");
}

#[test]
fn broken_results_are_errors() {
    let instance = ready(&[]);
    let hostile = call(&instance, HOSTILE, &json!(null)).unwrap_err();
    assert_eq!(hostile.kind(), ErrorKind::Execution);
    assert!(hostile.message().contains("fewer items than it says"), "{hostile}");
    let nothing = call(&instance, NOTHING, &json!(null)).unwrap_err();
    assert!(nothing.message().contains("gave no result"), "{nothing}");
    let unknown = call(&instance, 6, &json!(null)).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let unfinished = tape(|tape| drop(tape.begin_list(1).unwrap()));
    assert_eq!(instance.call(ECHO, &unfinished).unwrap_err().kind(), ErrorKind::InvalidParams);
}

#[test]
fn initialize_may_ask_for_time_and_fails_without_a_trace() {
    let instance = created(&[]);
    let error = instance.initialize(&json_tape(&json!({"a": 1}))).unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::NotReady, Some(2.5)));
    instance.initialize(&no_config()).unwrap();
}

#[test]
fn what_is_not_possible_now_says_why() {
    let instance = created(&[]);
    let early = call(&instance, ECHO, &json!(1)).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::State);
    assert!(early.message().contains("it is not initialized"), "{early}");
    instance.initialize(&no_config()).unwrap();
    let twice = instance.initialize(&no_config()).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::State);
    assert!(twice.message().contains("initialized already"), "{twice}");
}

#[test]
fn a_failed_cleanup_can_be_repeated() {
    let instance = ready(&["-DCLEANUP_FAILS"]);
    for _ in 0..2 {
        let error = instance.cleanup().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cleanup);
        assert!(error.message().ends_with("stuck"), "{error}");
    }
}

#[test]
fn cleanup_waits_for_nobody_and_harms_nobody() {
    let instance = ready(&[]);
    thread::scope(|scope| {
        let calls = [(); 2].map(|()| scope.spawn(|| call(&instance, WAIT, &json!(null)).unwrap()));
        while counter(&instance, 1) < 2 {
            thread::yield_now();
        }
        let busy = instance.cleanup().unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::State);
        assert!(busy.message().contains("2 calls of \"echo\" are still running"), "{busy}");
        assert_eq!(call(&instance, ECHO, &json!(7)).unwrap(), json!(7));
        instance.validate(ECHO, &tape(|tape| tape.bool(true))).unwrap();
        for call in calls {
            assert_eq!(call.join().unwrap(), json!(2));
        }
    });
    instance.cleanup().unwrap();
}

#[test]
fn a_forked_child_gets_errors() {
    let instance = ready(&[]);
    // SAFETY: the child only makes calls that answer at once, and leaves with `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let answers = [
            call(&instance, ECHO, &json!(1)).err(),
            instance.cleanup().err(),
            instance.is_configured().err(),
        ];
        let all_refused = answers.iter().all(|error| {
            error
                .as_ref()
                .is_some_and(|error| error.hint() == Some("Create it in the child process"))
        });
        // SAFETY: it ends the child at once, without running what belongs to the parent.
        unsafe { libc::_exit(i32::from(!all_refused)) };
    }
    let mut status = -1;
    // SAFETY: the child was made above, and the place for its status lives long enough.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(call(&instance, ECHO, &json!(1)).unwrap(), json!(1));
}

#[test]
fn json_goes_round() {
    let value = json!({
        "b": [null, true, false, i64::MIN, u64::MAX, 0.1, -0.0, "text \u{1f600}", "", []],
        "a": {"nested": [{"deep": [[1.5e300]]}]},
    });
    let back = to_json(json_tape(&value).view()).unwrap();
    assert_eq!(back.to_string(), value.to_string()); // order and signs of zero included
}

#[test]
fn a_reserved_place_keeps_it_from_being_cleaned_up() {
    let instance = Arc::new(created(&[]));
    assert_eq!(instance.reserve(ECHO).unwrap_err().kind(), ErrorKind::State);
    instance.initialize(&no_config()).unwrap();
    assert_eq!(instance.reserve(NOTHING + 1).unwrap_err().kind(), ErrorKind::NotFound);
    let place = instance.reserve(ECHO).unwrap();
    assert!(instance.is_busy());
    assert_eq!(instance.cleanup().unwrap_err().kind(), ErrorKind::State);
    assert!(call(&instance, ECHO, &json!(1)).is_ok());
    drop(place);
    assert!(!instance.is_busy());
    instance.cleanup().unwrap();
}
