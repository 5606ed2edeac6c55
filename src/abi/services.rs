//! What a host offers to running plugins, as extensions of [`crate::FfiHost`].
//!
//! All functions may be called from any thread, with or without Python's GIL held; none of them runs
//! Python code on a thread that is inside an `inline` action. A `scope` is the number of a plugin
//! instance, which is never used again; once the instance is cleaned up or gone, what needs it
//! answers with an error. Values are tapes, whatever the library's own encoding. An error or a result that the host fills in is given back by the plugin.

use core::ffi::c_void;

use crate::{FfiCompletion, FfiError, FfiHost, FfiOwnedTape, FfiSlice, FfiTape, Status, Task};

/// The ids of the extensions, for `get_extension`.
pub mod extension {
    /// For [`crate::FfiContextService`].
    pub const CONTEXT: &str = "zerepy.context/1";
    /// For [`crate::FfiLogService`].
    pub const LOG: &str = "zerepy.log/1";
    /// For [`crate::FfiEventService`].
    pub const EVENTS: &str = "zerepy.events/1";
    /// For [`crate::FfiMetricService`].
    pub const METRICS: &str = "zerepy.metrics/1";
    /// For [`crate::FfiCallService`].
    pub const CALLS: &str = "zerepy.calls/1";
}

/// What `remaining_ns` says if there is no time limit.
pub const NO_LIMIT: u64 = 9_223_372_036_854_775_807;

/// The call that a thread is serving.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FfiCurrent {
    /// Bytes of this structure, set by the plugin before the call.
    pub size: u32,
    /// How many plugins called each other to get here; 1 for a call from outside.
    pub depth: u32,
    /// The plugin instance.
    pub scope: u64,
    /// The call, for the other functions; 0 for one that cannot be cancelled.
    pub call: u64,
    /// How long the caller will wait from now on, in nanoseconds, or [`NO_LIMIT`].
    pub remaining_ns: u64,
}

/// Which call this is, and whether it is still wanted.
#[repr(C)]
#[derive(Debug)]
pub struct FfiContextService {
    /// Bytes of this table.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Fills in what this thread is serving: a call, `initialize`, `cleanup` or a question. Answers
    /// [`crate::status::FAILED`] on a thread of the plugin's own.
    pub current: Option<unsafe extern "C" fn(host: *const FfiHost, out: *mut FfiCurrent) -> Status>,
    /// Whether nobody waits for that call any more, because it was given up, its time is over or it
    /// has ended: [`crate::status::YES`] or [`crate::status::OK`].
    pub is_cancelled: Option<unsafe extern "C" fn(host: *const FfiHost, call: u64) -> Status>,
}

/// Log records with fields.
#[repr(C)]
#[derive(Debug)]
pub struct FfiLogService {
    /// Bytes of this table.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Whether a record of that level would be kept: [`crate::status::YES`] or
    /// [`crate::status::OK`]. Cheap; a change of Python's levels is seen within a second.
    pub enabled:
        Option<unsafe extern "C" fn(host: *const FfiHost, level: u32, plugin: FfiSlice) -> Status>,
    /// Sends a record to Python's `logging`, as `zerepy_plugins.plugin.<plugin>`; `level` is a
    /// number of [`crate::Level`], `fields` a map or NULL.
    pub record: Option<
        unsafe extern "C" fn(
            host: *const FfiHost,
            level: u32,
            plugin: FfiSlice,
            message: FfiSlice,
            fields: *const FfiTape,
        ),
    >,
}

/// An event, lent for the time of one call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FfiEvent {
    /// Bytes of this structure.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Its dotted name.
    pub name: FfiSlice,
    /// Who published it: a plugin's name, or `host`.
    pub source: FfiSlice,
    /// What belongs to it.
    pub data: *const FfiTape,
}

/// Who wants to hear of events.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FfiSubscriber {
    /// Passed back to the functions.
    pub context: *mut c_void,
    /// Takes an event, on a thread of the host's, without the GIL; one event at a time.
    pub handle: Option<unsafe extern "C" fn(context: *mut c_void, event: *const FfiEvent)>,
    /// Frees the context once no more events come; NULL if nothing is to be freed.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

/// The event bus of the plugin's manager.
#[repr(C)]
#[derive(Debug)]
pub struct FfiEventService {
    /// Bytes of this table.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Queues an event, which is delivered soon, on another thread. `data` may be NULL.
    pub publish: Option<
        unsafe extern "C" fn(
            host: *const FfiHost,
            scope: u64,
            name: FfiSlice,
            data: *const FfiTape,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Subscribes to a name, to `prefix.*` or to `*`, until `unsubscribe` or `cleanup`. The
    /// subscriber is taken over: its context is released even if this fails.
    pub subscribe: Option<
        unsafe extern "C" fn(
            host: *const FfiHost,
            scope: u64,
            pattern: FfiSlice,
            subscriber: *const FfiSubscriber,
            subscription: *mut u64,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Ends a subscription. It does not wait for a handler that is running.
    pub unsubscribe:
        Option<unsafe extern "C" fn(host: *const FfiHost, scope: u64, subscription: u64)>,
}

/// The kinds of metrics.
pub mod metric {
    /// A sum that only grows.
    pub const COUNTER: u32 = 1;
    /// A value that is set.
    pub const GAUGE: u32 = 2;
    /// A distribution of values.
    pub const HISTOGRAM: u32 = 3;
}

/// A metric that was opened, known only to the host.
pub type Metric = *const c_void;

/// Numbers of the plugin's own.
#[repr(C)]
#[derive(Debug)]
pub struct FfiMetricService {
    /// Bytes of this table.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Finds or makes the metric of that name; `kind` is a constant of [`metric`].
    pub open: Option<
        unsafe extern "C" fn(
            host: *const FfiHost,
            scope: u64,
            kind: u32,
            name: FfiSlice,
            out: *mut Metric,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Adds to a counter, sets a gauge, or records into a histogram. A counter ignores what is not a
    /// number above zero.
    pub record: Option<unsafe extern "C" fn(metric: Metric, value: f64)>,
    /// Gives a metric back, once; its numbers stay.
    pub release: Option<unsafe extern "C" fn(metric: Metric)>,
}

/// Calls of other plugins of the same manager, admitted and counted like any call.
#[repr(C)]
#[derive(Debug)]
pub struct FfiCallService {
    /// Bytes of this table.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Calls an action and waits for it; refused within an `inline` action. `call` is the call that
    /// this one is made for, or 0. The error's detail has `kind`, the failure's stable code, and
    /// `plugin`.
    pub perform: Option<
        unsafe extern "C" fn(
            host: *const FfiHost,
            scope: u64,
            call: u64,
            plugin: FfiSlice,
            action: FfiSlice,
            params: *const FfiTape,
            result: *mut FfiOwnedTape,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Begins a call, as `perform`; its outcome goes to `completion`, perhaps before this returns.
    pub start: Option<
        unsafe extern "C" fn(
            host: *const FfiHost,
            scope: u64,
            call: u64,
            plugin: FfiSlice,
            action: FfiSlice,
            params: *const FfiTape,
            completion: *const FfiCompletion,
            task: *mut Task,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Asks a started call to end early; its outcome comes all the same.
    pub cancel: Option<unsafe extern "C" fn(task: Task)>,
    /// Gives a started call back, once; one that has not ended is cancelled.
    pub release_task: Option<unsafe extern "C" fn(task: Task)>,
}
