//! Streams: every item that is asked for has one outcome, and a stream is in its instance until
//! nothing of it is left.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use common::{Built, load, no_config, tape};
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_native::{Instance, ResultTape, Stream, unexpected_outcomes};

const UP: u32 = 0;
const THREADS: u32 = 1;
const HOLD: u32 = 2;
const FAIL: u32 = 3;
const TWICE: u32 = 4;
const UNREADABLE: u32 = 5;
const REFUSE: u32 = 6;
const LINGER: u32 = 7;
const LINGER_NO_MORE: u32 = 8;
const COUNT: u32 = 9;

/// What can be counted.
const ASKED: i64 = 0;
const CLOSED: i64 = 1;
const DESTROYED: i64 = 2;

type Outcome = Result<Option<ResultTape>>;

/// An instance that is ready, of a library whose counters nobody else uses.
fn ready(test: &str) -> Arc<Instance> {
    let built = Built::of("counting.c", &["-pthread", &format!("-DSDK=\"{test}\"")]);
    let instance = load(&built.path).unwrap().create(0).unwrap();
    instance.initialize(&no_config()).unwrap();
    Arc::new(instance)
}

/// A stream of the numbers below `end`.
fn open(instance: &Arc<Instance>, action: u32, end: i64) -> Result<Stream> {
    instance.open(action, &tape(|tape| tape.int(end)))
}

fn ask(stream: &Stream) -> Result<Receiver<Outcome>> {
    let (sender, outcomes) = channel();
    stream.next(Box::new(move |outcome| drop(sender.send(outcome))))?;
    Ok(outcomes)
}

fn next(stream: &Stream) -> Result<Option<u64>> {
    let outcome = ask(stream).unwrap().recv().unwrap();
    Ok(outcome?.map(|item| item.view().node(0).unwrap().value))
}

fn count(instance: &Instance, counter: i64) -> u64 {
    let result = instance.call(COUNT, &tape(|tape| tape.int(counter))).unwrap();
    result.view().node(0).unwrap().value
}

fn busy(instance: &Instance) -> Error {
    instance.cleanup().unwrap_err()
}

#[test]
fn items_come_in_order_then_the_end() {
    let instance = ready("order");
    for action in [UP, THREADS] {
        let stream = open(&instance, action, 3).unwrap();
        let items: Vec<_> = (0..3).map(|_| next(&stream).unwrap().unwrap()).collect();
        assert_eq!(items, [0, 1, 2]);
        let asked = count(&instance, ASKED);
        assert_eq!((next(&stream).unwrap(), next(&stream).unwrap()), (None, None));
        assert_eq!(count(&instance, ASKED), asked + 1); // the end is asked for once
    }
    assert_eq!(count(&instance, CLOSED), 2);
    instance.cleanup().unwrap();
}

#[test]
fn an_error_and_a_broken_item_end_it() {
    let instance = ready("errors");
    let stream = open(&instance, FAIL, 5).unwrap();
    assert_eq!(next(&stream).unwrap(), Some(0));
    let failed = next(&stream).unwrap_err();
    assert_eq!(failed.message(), "action \"fail\" of plugin \"counting\" failed: no more");
    assert_eq!(next(&stream).unwrap(), None);
    let broken = next(&open(&instance, UNREADABLE, 5).unwrap()).unwrap_err();
    let expected = "action \"unreadable\" of plugin \"counting\" gave a broken item: ";
    assert!(broken.message().starts_with(expected), "{broken}");
}

#[test]
fn one_item_is_asked_for_at_a_time() {
    let instance = ready("once");
    let stream = open(&instance, HOLD, 1).unwrap();
    let first = ask(&stream).unwrap();
    let refused = ask(&stream).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::State);
    assert!(refused.message().contains("is still being waited for"), "{refused}");
    assert_eq!(first.try_recv().unwrap_err(), TryRecvError::Empty);
    assert_eq!(count(&instance, ASKED), 1);
}

#[test]
fn closing_answers_what_is_waited_for() {
    let instance = ready("closing");
    let stream = open(&instance, HOLD, 1).unwrap();
    let outcomes = ask(&stream).unwrap();
    drop(stream);
    let ended = outcomes.try_recv().unwrap().unwrap_err();
    assert_eq!(ended.message(), "action \"hold\" of plugin \"counting\" failed: ended early");
    assert_eq!(outcomes.try_recv().unwrap_err(), TryRecvError::Disconnected);
    assert_eq!(count(&instance, CLOSED), 1);
    instance.cleanup().unwrap();
}

/// One test, for the count is the process's.
#[test]
fn outcomes_that_nobody_waits_for_are_counted() {
    let before = unexpected_outcomes();
    let instance = ready("twice");
    let stream = open(&instance, TWICE, 2).unwrap();
    assert_eq!((next(&stream).unwrap(), next(&stream).unwrap()), (Some(0), Some(1)));
    assert_eq!(unexpected_outcomes(), before + 2);
}

#[test]
fn nothing_is_cleaned_up_while_a_stream_is_left() {
    let instance = ready("busy");
    assert_eq!(open(&instance, REFUSE, 1).unwrap_err().kind(), ErrorKind::Execution);
    assert!(!instance.is_busy());
    let streams = [open(&instance, UP, 1).unwrap(), open(&instance, LINGER, 1).unwrap()];
    assert!(busy(&instance).message().contains("2 calls of \"counting\" are still running"));
    drop(streams);
    assert!(busy(&instance).message().contains("1 call of \"counting\" is still running"));
    instance.call(LINGER_NO_MORE, &no_config()).unwrap();
    assert!(!instance.is_busy());
    instance.cleanup().unwrap();
    assert_eq!(open(&instance, UP, 1).unwrap_err().kind(), ErrorKind::State);
}

#[test]
fn an_instance_closes_its_streams() {
    let instance = ready("all");
    let streams: Vec<_> = (0..20).map(|_| open(&instance, HOLD, 1).unwrap()).collect();
    let waiting = ask(&streams[0]).unwrap();
    drop(open(&instance, UP, 1).unwrap());
    instance.close_streams();
    assert!(!instance.is_busy());
    let told = waiting.recv().unwrap().unwrap_err();
    for closed in [told, ask(&streams[0]).unwrap_err(), ask(&streams[1]).unwrap_err()] {
        assert_eq!(closed.kind(), ErrorKind::State);
        assert!(closed.message().contains("its plugin was stopped"), "{closed}");
    }
    drop(streams);
    assert_eq!(count(&instance, CLOSED), 21);
    instance.cleanup().unwrap();
}

#[test]
fn an_open_stream_keeps_its_instance() {
    let (instance, other) = (ready("kept"), ready("kept"));
    let stream = open(&instance, UP, 1).unwrap();
    drop(instance);
    assert_eq!((next(&stream).unwrap(), count(&other, DESTROYED)), (Some(0), 0));
    drop(stream);
    assert_eq!(count(&other, DESTROYED), 1);
}

#[test]
fn only_streams_are_opened_and_they_are_not_called() {
    let echo = load(&Built::new(&[]).path).unwrap().create(0).unwrap();
    echo.initialize(&no_config()).unwrap();
    assert_eq!(open(&Arc::new(echo), 0, 1).unwrap_err().kind(), ErrorKind::NotFound);
    let instance = ready("only");
    assert_eq!(open(&instance, 10, 1).unwrap_err().kind(), ErrorKind::NotFound);
    let unfinished = tape(|tape| drop(tape.begin_list(1).unwrap()));
    assert_eq!(instance.open(UP, &unfinished).unwrap_err().kind(), ErrorKind::InvalidParams);
    assert!(!instance.is_busy());
}

#[test]
fn a_library_that_cannot_serve_its_streams_is_refused() {
    for missing in ["open_stream", "next_item", "close_stream"] {
        let size = format!("-DSIZE=offsetof(zerepy_plugin,{missing})");
        let error = load(&Built::of("counting.c", &["-pthread", &size]).path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Abi);
        let expected = format!("its plugin \"counting\" has no \"{missing}\" function");
        assert!(error.message().contains(&expected), "{error}");
    }
}

#[test]
fn a_forked_child_leaves_its_parents_streams_alone() {
    let instance = ready("forked");
    let stream = open(&instance, UP, 5).unwrap();
    assert_eq!(next(&stream).unwrap(), Some(0));
    // SAFETY: the child only does what takes no lock, and leaves with `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let refused = ask(&stream).is_err_and(|error| error.message().contains("fork"));
        drop(stream);
        // SAFETY: it ends the child at once, without running what belongs to the parent.
        unsafe { libc::_exit(i32::from(!refused)) };
    }
    let mut status = -1;
    // SAFETY: the child was made above, and the place for its status lives long enough.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!((status, count(&instance, CLOSED)), (0, 0));
    assert_eq!(next(&stream).unwrap(), Some(1));
}
