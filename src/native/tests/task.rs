//! Async actions: every started one has one outcome, whatever its library does.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::{self, ThreadId};

use common::{Built, load, no_config, tape};
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_native::{Instance, ResultTape, Task, unexpected_outcomes};

const NOW: u32 = 0;
const THREAD: u32 = 1;
const HOLD: u32 = 2;
const TWICE: u32 = 3;
const REFUSE: u32 = 4;
const BOTH: u32 = 5;
const NOTHING: u32 = 6;
const EVERYTHING: u32 = 7;
const UNREADABLE: u32 = 8;
const FINISH: u32 = 9;
const COUNT: u32 = 10;

/// What can be counted.
const CANCELLED: i64 = 0;
const TASKS_RELEASED: i64 = 1;
const DESTROYED: i64 = 2;
const VALUES_RELEASED: i64 = 3;

/// The number that an action gives back.
const PARAMS: i64 = 41;

type Outcomes = Receiver<(Result<ResultTape>, ThreadId)>;

/// An instance that is ready, of a library whose counters nobody else uses.
fn ready(test: &str) -> Arc<Instance> {
    let built = Built::of("later.c", &["-pthread", &format!("-DSDK=\"{test}\"")]);
    let instance = load(&built.path).unwrap().create(0).unwrap();
    instance.initialize(&no_config()).unwrap();
    Arc::new(instance)
}

fn start(instance: &Arc<Instance>, action: u32) -> (Result<Task>, Outcomes) {
    let (sender, outcomes) = channel();
    let done = move |outcome| drop(sender.send((outcome, thread::current().id())));
    (instance.start(action, &tape(|tape| tape.int(PARAMS)), Box::new(done)), outcomes)
}

fn number(result: &ResultTape) -> u64 {
    result.view().node(0).unwrap().value
}

fn call(instance: &Instance, action: u32, param: i64) -> u64 {
    number(&instance.call(action, &tape(|tape| tape.int(param))).unwrap())
}

/// The outcome that is there already: a number.
fn value(outcomes: &Outcomes) -> u64 {
    number(&outcomes.try_recv().unwrap().0.unwrap())
}

/// The outcome that is there already: an error.
fn failure(outcomes: &Outcomes) -> Error {
    outcomes.try_recv().unwrap().0.unwrap_err()
}

#[track_caller]
fn ended_without_an_outcome(outcomes: &Outcomes) {
    assert_eq!(outcomes.try_recv().unwrap_err(), TryRecvError::Disconnected);
}

#[test]
fn an_outcome_may_come_before_the_start_returns() {
    let instance = ready("now");
    let (task, outcomes) = start(&instance, NOW);
    assert_eq!(value(&outcomes), 41);
    assert!(!instance.is_busy());
    drop(task.unwrap()); // a cancel after the end is allowed, and without effect
    assert_eq!((call(&instance, COUNT, CANCELLED), call(&instance, COUNT, TASKS_RELEASED)), (1, 1));
    ended_without_an_outcome(&outcomes);
    instance.cleanup().unwrap();
}

#[test]
fn nothing_is_cleaned_up_before_the_start_returns() {
    let instance = ready("inside");
    let (sender, cleanups) = channel();
    let same = Arc::clone(&instance);
    let done = move |_| drop(sender.send(same.cleanup()));
    let task = instance.start(NOW, &tape(|tape| tape.int(PARAMS)), Box::new(done));
    let busy = cleanups.recv().unwrap().unwrap_err();
    assert!(busy.message().contains("1 call of \"later\" is still running"), "{busy}");
    instance.cleanup().unwrap();
    drop(task);
}

#[test]
fn an_outcome_comes_from_another_thread() {
    let instance = ready("thread");
    let (task, outcomes) = start(&instance, THREAD);
    let (outcome, thread) = outcomes.recv().unwrap();
    assert_eq!(number(&outcome.unwrap()), u64::from(THREAD));
    assert_ne!(thread, thread::current().id());
    drop(task.unwrap());
    instance.cleanup().unwrap();
}

/// One test, for the count is the process's.
#[test]
fn outcomes_that_nobody_waits_for_are_counted_and_given_back() {
    let before = unexpected_outcomes();
    let instance = ready("unexpected");
    let (twice, outcomes) = start(&instance, TWICE);
    assert_eq!(value(&outcomes), 41);
    ended_without_an_outcome(&outcomes);
    assert_eq!(unexpected_outcomes(), before + 1);
    assert_eq!(call(&instance, FINISH, 5), 5);
    assert_eq!(unexpected_outcomes(), before + 2);
    let (refused, outcomes) = start(&instance, REFUSE);
    assert!(refused.is_err());
    call(&instance, FINISH, 6);
    assert_eq!(unexpected_outcomes(), before + 3);
    ended_without_an_outcome(&outcomes);
    // an outcome and one too many; what "finish" handed over and returned, twice; an error and
    // unused parameters
    assert_eq!(call(&instance, COUNT, VALUES_RELEASED), 2 + 4 + 2);
    drop(twice);
    assert!(!instance.is_busy());
    instance.cleanup().unwrap();
}

#[test]
fn a_start_that_fails_leaves_the_instance_usable() {
    let instance = ready("refuse");
    for _ in 0..2 {
        let (refused, outcomes) = start(&instance, REFUSE);
        let error = refused.unwrap_err();
        assert_eq!((error.kind(), error.plugin()), (ErrorKind::Execution, Some("later")));
        assert_eq!(error.message(), "action \"refuse\" of plugin \"later\" failed: not today");
        ended_without_an_outcome(&outcomes);
        assert!(!instance.is_busy());
    }
    assert_eq!(call(&instance, COUNT, TASKS_RELEASED), 0); // there was none
    assert_eq!(value(&start(&instance, NOW).1), 41);
    instance.cleanup().unwrap();
}

#[test]
fn a_start_that_fails_after_its_outcome_leaves_once() {
    let instance = ready("both");
    let held = start(&instance, HOLD);
    let (refused, outcomes) = start(&instance, BOTH);
    assert!(refused.unwrap_err().message().ends_with("after its outcome"));
    assert_eq!(value(&outcomes), 41);
    let busy = instance.cleanup().unwrap_err();
    assert!(busy.message().contains("1 call of \"later\" is still running"), "{busy}");
    drop(held);
    assert!(!instance.is_busy());
    instance.cleanup().unwrap();
}

#[test]
fn a_task_that_is_dropped_is_ended_early() {
    let instance = ready("dropped");
    let (task, outcomes) = start(&instance, HOLD);
    assert_eq!(outcomes.try_recv().unwrap_err(), TryRecvError::Empty);
    drop(task.unwrap());
    let error = failure(&outcomes);
    assert_eq!(error.kind(), ErrorKind::Execution);
    assert_eq!(error.message(), "action \"hold\" of plugin \"later\" failed: ended early");
    assert_eq!((call(&instance, COUNT, CANCELLED), call(&instance, COUNT, TASKS_RELEASED)), (1, 1));
    instance.cleanup().unwrap();
}

#[test]
fn nothing_is_cleaned_up_while_a_task_runs() {
    let instance = ready("busy");
    let first = start(&instance, HOLD);
    let (second, outcomes) = start(&instance, HOLD);
    let busy = instance.cleanup().unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::State);
    assert!(busy.message().contains("2 calls of \"later\" are still running"), "{busy}");
    assert!(instance.initialize(&no_config()).is_err());
    call(&instance, FINISH, 7);
    assert_eq!(value(&outcomes), 7);
    let busy = instance.cleanup().unwrap_err();
    assert!(busy.message().contains("1 call of \"later\" is still running"), "{busy}");
    drop(first);
    instance.cleanup().unwrap();
    assert!(start(&instance, NOW).0.unwrap_err().message().contains("it is not initialized"));
    drop(second);
}

#[test]
fn a_running_task_keeps_its_instance() {
    let (instance, other) = (ready("kept"), ready("kept"));
    let (task, outcomes) = start(&instance, HOLD);
    drop(instance);
    assert_eq!(call(&other, COUNT, DESTROYED), 0);
    drop(task);
    assert!(failure(&outcomes).message().ends_with("ended early"));
    assert_eq!(call(&other, COUNT, DESTROYED), 1);
}

#[test]
fn incomplete_and_broken_outcomes_are_errors() {
    let instance = ready("broken");
    let neither = failure(&start(&instance, NOTHING).1);
    assert!(neither.message().ends_with("failed: the plugin gave no reason"), "{neither}");
    let before = call(&instance, COUNT, VALUES_RELEASED);
    assert_eq!(value(&start(&instance, EVERYTHING).1), 41); // a result counts, whatever comes along
    assert_eq!(call(&instance, COUNT, VALUES_RELEASED), before + 1 + 2); // and that of "count"
    let unreadable = failure(&start(&instance, UNREADABLE).1);
    let expected = "action \"unreadable\" of plugin \"later\" gave no result: ";
    assert!(unreadable.message().starts_with(expected), "{unreadable}");
    assert_eq!(call(&instance, COUNT, VALUES_RELEASED), before + 3 + 2);
    assert!(!instance.is_busy());
    instance.cleanup().unwrap();
}

#[test]
fn only_async_actions_are_started() {
    let echo = load(&Built::new(&[]).path).unwrap().create(0).unwrap();
    echo.initialize(&no_config()).unwrap();
    let echo = Arc::new(echo);
    let (refused, outcomes) = start(&echo, 0);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    ended_without_an_outcome(&outcomes);
    assert_eq!(start(&ready("only"), 11).0.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!echo.is_busy());
}

#[test]
fn unfinished_parameters_are_refused() {
    let instance = ready("unfinished");
    let params = tape(|tape| drop(tape.begin_list(1).unwrap()));
    let refused = instance.start(NOW, &params, |_| unreachable!());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidParams);
    assert!(!instance.is_busy());
}

#[test]
fn a_library_that_cannot_serve_its_async_actions_is_refused() {
    for missing in ["start", "cancel", "release_task"] {
        let size = format!("-DSIZE=offsetof(zerepy_plugin,{missing})");
        let error = load(&Built::of("later.c", &["-pthread", &size]).path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Abi);
        let expected = format!("its plugin \"later\" has no \"{missing}\" function");
        assert!(error.message().contains(&expected), "{error}");
    }
}

#[test]
fn a_forked_child_leaves_its_parents_tasks_alone() {
    let instance = ready("forked");
    let (task, outcomes) = start(&instance, HOLD);
    // SAFETY: the child only does what takes no lock, and leaves with `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(task);
        let untouched = matches!(outcomes.try_recv(), Err(TryRecvError::Empty));
        let refused = start(&instance, NOW).0.is_err_and(|error| error.message().contains("fork"));
        // SAFETY: it ends the child at once, without running what belongs to the parent.
        unsafe { libc::_exit(i32::from(!(untouched && refused))) };
    }
    let mut status = -1;
    // SAFETY: the child was made above, and the place for its status lives long enough.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    call(&instance, FINISH, 3);
    assert_eq!(value(&outcomes), 3);
}
