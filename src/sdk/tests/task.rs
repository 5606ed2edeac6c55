//! Async actions, started and ended as a host would: each has exactly one outcome.
#![cfg(feature = "async")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::c_void;
use std::future::poll_fn;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use zerepy_plugin::__private::table;
use zerepy_plugin::testing::Harness;
use zerepy_plugin::{Error, Result, Schema, Shape, plugin};
use zerepy_plugin_abi::{
    FfiCompletion, FfiError, FfiOwnedTape, FfiPlugin, FfiSlice, FfiTape, Instance, Node, Task,
    code, status, tag,
};

/// What happens to the actions of one test, which has a number of its own.
struct Traces {
    begun: AtomicUsize,
    gone: AtomicUsize,
}

static TRACES: [Traces; 32] =
    [const { Traces { begun: AtomicUsize::new(0), gone: AtomicUsize::new(0) } }; 32];

/// Keeps the library's workers busy until it is set.
static OPEN: AtomicBool = AtomicBool::new(false);

/// The parameters: a test's number. An action owns them, so they are gone when it is.
struct Test(u8);

impl Test {
    fn traces(&self) -> &'static Traces {
        &TRACES[usize::from(self.0)]
    }

    fn begin(&self) {
        self.traces().begun.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Test {
    fn drop(&mut self) {
        self.traces().gone.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'de> Deserialize<'de> for Test {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).map(Self)
    }
}

impl Schema for Test {
    const SCHEMA: &'static Shape = u8::SCHEMA;
}

/// Whether this is a thread of the library's runtime.
fn is_worker() -> bool {
    std::thread::current().name() == Some("zerepy-plugin")
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

struct Later;

/// Ends in every way there is.
#[plugin(connection, name = "later")]
impl Later {
    fn initialize() -> Self {
        Self
    }

    #[action]
    async fn double(&self, test: Test) -> u32 {
        test.begin();
        tokio::task::yield_now().await;
        u32::from(test.0) * 2
    }

    #[action]
    async fn fail(&self, test: Test) -> Result<()> {
        test.begin();
        tokio::time::sleep(Duration::from_millis(1)).await;
        Err(Error::not_ready("no luck", 1.5))
    }

    #[action]
    async fn panic(&self, test: Test) {
        test.begin();
        tokio::task::yield_now().await;
        panic!("boom {}", test.0);
    }

    #[action]
    async fn hang(&self, test: Test) {
        test.begin();
        std::future::pending::<()>().await;
    }

    #[action]
    async fn hang_then_panic(&self, test: Test) {
        let _trap = PanicsWhenDropped;
        test.begin();
        std::future::pending::<()>().await;
    }

    /// What an action must not do: it keeps its worker.
    #[action(spawn)]
    async fn block(&self, test: Test) {
        test.begin();
        while !OPEN.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        tokio::task::yield_now().await;
    }

    #[action]
    fn inline(&self) {}

    /// Says whether it runs on a worker; there is a runtime at hand in any case.
    #[action]
    async fn ready(&self, test: Test) -> u32 {
        test.begin();
        tokio::runtime::Handle::current();
        u32::from(is_worker())
    }

    #[action(spawn)]
    async fn spawned(&self, test: Test) -> u32 {
        test.begin();
        u32::from(is_worker())
    }

    #[action]
    async fn panic_at_once(&self, test: Test) {
        test.begin();
        panic!("at once {}", test.0);
    }

    /// Wakes itself while it is polled, and then is not ready; three times.
    #[action]
    async fn wake_itself(&self, test: Test) -> u32 {
        test.begin();
        let mut polls = 0;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            polls += 1;
            if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
        })
        .await
    }

    /// What never ends by itself, but for the budget of a task.
    #[action]
    async fn spend(&self, test: Test) -> u32 {
        test.begin();
        while !is_worker() {
            tokio::task::coop::consume_budget().await;
        }
        1
    }

    /// Blocks, and says so.
    #[action]
    async fn block_in_place(&self, test: Test) -> u32 {
        test.begin();
        tokio::task::block_in_place(|| u32::from(test.0))
    }
}

const DOUBLE: u32 = 0;
const FAIL: u32 = 1;
const PANIC: u32 = 2;
const HANG: u32 = 3;
const HANG_THEN_PANIC: u32 = 4;
const BLOCK: u32 = 5;
const INLINE: u32 = 6;
const READY: u32 = 7;
const SPAWNED: u32 = 8;
const PANIC_AT_ONCE: u32 = 9;
const WAKE_ITSELF: u32 = 10;
const SPEND: u32 = 11;
const BLOCK_IN_PLACE: u32 = 12;

#[derive(Debug, PartialEq, Eq)]
struct Failure {
    code: u32,
    message: String,
    detail: String,
}

struct Outcome {
    result: Result<u64, Failure>,
    gone: usize,
}

/// A host with an instance that is ready.
struct Host {
    plugin: FfiPlugin,
    instance: Instance,
}

/// A started action.
struct Started<'a> {
    host: &'a Host,
    task: Task,
    outcomes: Receiver<Outcome>,
}

struct Waiting {
    test: u8,
    sender: Sender<Outcome>,
}

impl Host {
    fn new() -> Self {
        drop(Harness::<Later>::new()); // installs the panic hook, as the handshake would
        let mut host = Self { plugin: table::<Later>(), instance: ptr::null_mut() };
        // SAFETY: a place for the instance.
        unsafe { host.plugin.create.unwrap()(&raw mut host.instance, ptr::null_mut()) };
        host.initialize();
        host
    }

    fn initialize(&self) {
        let node = Node { tag: tag::MAP, len: 0, value: 1 };
        let config = FfiTape { nodes: &raw const node, node_count: 1, ..FfiTape::empty() };
        let initialize = self.plugin.initialize.unwrap();
        // SAFETY: our own instance, which nothing else uses.
        let status = unsafe { initialize(self.instance, &raw const config, ptr::null_mut()) };
        assert_eq!(status, status::OK);
    }

    fn start(&self, action: u32, test: u8) -> Result<Started<'_>, Failure> {
        let (sender, outcomes) = channel();
        // Leaked: a second outcome must not be worse than a failed test.
        let context = ptr::from_mut(Box::leak(Box::new(Waiting { test, sender }))).cast();
        let completion = FfiCompletion { context, finish: Some(finish) };
        let node = Node { tag: tag::INT, len: 0, value: u64::from(test) };
        let params = FfiTape { nodes: &raw const node, node_count: 1, ..FfiTape::empty() };
        let (mut task, mut error) = (ptr::null_mut(), FfiError::empty());
        // SAFETY: our own instance; everything else lives until the end of the call.
        let status = unsafe {
            self.plugin.start.unwrap()(
                self.instance,
                action,
                &raw const params,
                &raw const completion,
                &raw mut task,
                &raw mut error,
            )
        };
        if status == status::OK {
            return Ok(Started { host: self, task, outcomes });
        }
        assert!(outcomes.try_recv().is_err(), "an outcome without a start");
        Err(read(&error))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: our own instance, once.
        unsafe { self.plugin.destroy.unwrap()(self.instance) };
    }
}

impl Started<'_> {
    fn cancel(&self) {
        // SAFETY: it has not been given back.
        unsafe { self.host.plugin.cancel.unwrap()(self.task) };
    }

    /// Its only outcome. The task is cancelled again and given back after it.
    fn outcome(self) -> Outcome {
        let outcome = self.outcomes.recv().unwrap();
        self.cancel();
        // SAFETY: once.
        unsafe { self.host.plugin.release_task.unwrap()(self.task) };
        std::thread::yield_now();
        assert!(self.outcomes.try_recv().is_err(), "a second outcome");
        outcome
    }
}

unsafe extern "C" fn finish(context: *mut c_void, result: *mut FfiOwnedTape, error: *mut FfiError) {
    // SAFETY: it is what `start` leaked.
    let Waiting { test, sender } = unsafe { &*context.cast::<Waiting>() };
    assert!(result.is_null() != error.is_null());
    // SAFETY: whichever is not NULL lives for the time of this call.
    let result = unsafe {
        match result.as_ref() {
            Some(result) => {
                let value = (*result.tape.nodes).value;
                result.release.unwrap()(result.owner);
                Ok(value)
            }
            None => Err(read(&*error)),
        }
    };
    let gone = TRACES[usize::from(*test)].gone.load(Ordering::SeqCst);
    let _ = sender.send(Outcome { result, gone });
}

fn read(error: &FfiError) -> Failure {
    let failure =
        Failure { code: error.code, message: text(error.message), detail: text(error.detail) };
    // SAFETY: once.
    unsafe { error.release.unwrap()(error.owner) };
    failure
}

fn text(slice: FfiSlice) -> String {
    if slice.len == 0 {
        return String::new();
    }
    // SAFETY: the error has not been given back.
    String::from_utf8(unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) }.to_vec()).unwrap()
}

fn wait_until_begun(test: u8, count: usize) {
    while TRACES[usize::from(test)].begun.load(Ordering::SeqCst) < count {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn cancelled() -> Failure {
    Failure { code: code::EXECUTION, message: "it was cancelled".into(), detail: String::new() }
}

#[test]
fn a_result_comes_when_the_action_is_gone() {
    let host = Host::new();
    let outcome = host.start(DOUBLE, 1).unwrap().outcome();
    assert_eq!((outcome.result, outcome.gone), (Ok(2), 1));
}

#[test]
fn an_error_is_the_authors() {
    let host = Host::new();
    let outcome = host.start(FAIL, 2).unwrap().outcome();
    let failure = outcome.result.unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), (code::NOT_READY, "no luck"));
    assert_eq!(failure.detail, r#"{"retry_after":1.5}"#);
    assert_eq!(outcome.gone, 1);
}

#[test]
fn a_panic_is_reported_and_poisons_until_the_next_start() {
    let host = Host::new();
    let running = host.start(HANG, 3).unwrap();
    let outcome = host.start(PANIC, 4).unwrap().outcome();
    let failure = outcome.result.unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), (code::PANIC, "boom 4"));
    assert!(failure.detail.contains("task.rs:"), "{}", failure.detail);
    assert_eq!(outcome.gone, 1);
    let refused = host.start(DOUBLE, 5).err().unwrap();
    assert_eq!((refused.code, refused.message.as_str()), (code::STATE, "it has panicked before"));
    running.cancel(); // what runs already can end
    assert_eq!(running.outcome().result.unwrap_err(), cancelled());
    host.initialize();
    assert_eq!(host.start(DOUBLE, 5).unwrap().outcome().result, Ok(10));
}

#[test]
fn a_cancelled_action_is_gone_before_its_outcome() {
    let host = Host::new();
    let running = host.start(HANG, 6).unwrap();
    wait_until_begun(6, 1);
    running.cancel();
    running.cancel();
    let outcome = running.outcome();
    assert_eq!((outcome.result, outcome.gone), (Err(cancelled()), 1));
}

#[test]
fn an_action_that_is_cancelled_before_it_begins_has_an_outcome() {
    let host = Host::new();
    let blockers: Vec<_> = (0..2).map(|_| host.start(BLOCK, 7).unwrap()).collect();
    wait_until_begun(7, 2); // no worker is left
    let waiting = host.start(SPAWNED, 8).unwrap();
    waiting.cancel();
    OPEN.store(true, Ordering::SeqCst);
    let outcome = waiting.outcome();
    assert_eq!((outcome.result, outcome.gone), (Err(cancelled()), 1));
    assert_eq!(TRACES[8].begun.load(Ordering::SeqCst), 0);
    for blocker in blockers {
        assert!(blocker.outcome().result.is_ok());
    }
}

#[test]
fn a_panic_of_a_cancelled_action_poisons() {
    let host = Host::new();
    let running = host.start(HANG_THEN_PANIC, 9).unwrap();
    wait_until_begun(9, 1);
    running.cancel();
    let outcome = running.outcome();
    assert_eq!((outcome.result, outcome.gone), (Err(cancelled()), 1));
    assert_eq!(host.start(DOUBLE, 10).err().unwrap().message, "it has panicked before");
}

#[test]
fn what_is_ready_at_once_has_its_outcome_before_the_start_returns() {
    let host = Host::new();
    let ready = host.start(READY, 16).unwrap();
    assert!(ready.task.is_null());
    let outcome = ready.outcomes.try_recv().unwrap();
    assert_eq!((outcome.result, outcome.gone), (Ok(0), 1));
    ready.cancel(); // without effect
    // SAFETY: once.
    unsafe { host.plugin.release_task.unwrap()(ready.task) };
    assert!(ready.outcomes.try_recv().is_err());
}

#[test]
fn what_is_spawned_never_runs_on_the_callers_thread() {
    let host = Host::new();
    assert_eq!(host.start(SPAWNED, 17).unwrap().outcome().result, Ok(1));
}

#[test]
fn nothing_is_polled_within_another_runtime() {
    let host = Host::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runtime.block_on(async { host.start(READY, 18).unwrap().outcome() });
    assert_eq!(outcome.result, Ok(1));
}

#[test]
fn a_panic_at_once_is_an_outcome_and_poisons() {
    let host = Host::new();
    let outcome = host.start(PANIC_AT_ONCE, 19).unwrap().outcome();
    let failure = outcome.result.unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), (code::PANIC, "at once 19"));
    assert_eq!(outcome.gone, 1);
    assert_eq!(host.start(READY, 20).err().unwrap().message, "it has panicked before");
    host.initialize();
    assert_eq!(host.start(READY, 20).unwrap().outcome().result, Ok(0));
}

#[test]
fn what_wakes_itself_while_it_is_polled_goes_on() {
    let host = Host::new();
    let outcome = host.start(WAKE_ITSELF, 21).unwrap().outcome();
    assert_eq!((outcome.result, outcome.gone), (Ok(3), 1));
}

#[test]
fn what_is_always_ready_leaves_the_callers_thread() {
    let host = Host::new();
    let outcome = host.start(SPEND, 22).unwrap().outcome();
    assert_eq!((outcome.result, outcome.gone), (Ok(1), 1));
}

#[test]
fn blocking_in_place_is_allowed_at_once() {
    let host = Host::new();
    assert_eq!(host.start(BLOCK_IN_PLACE, 23).unwrap().outcome().result, Ok(23));
}

#[test]
fn what_is_not_async_is_not_started() {
    let host = Host::new();
    let refused = host.start(INLINE, 11).err().unwrap();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (code::STATE, "it has no such action number 6")
    );
    assert_eq!(host.start(99, 11).err().unwrap().code, code::STATE);
}

#[test]
fn the_test_kit_waits_for_async_actions() {
    let harness = Harness::<Later>::start(&()).unwrap();
    assert_eq!(harness.call::<u32>("double", &15_u8), Ok(30));
    let failure = harness.call::<()>("fail", &15_u8).unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), ("not_ready", "no luck"));
}
