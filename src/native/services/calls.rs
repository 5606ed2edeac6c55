//! Calls that plugins make of each other.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use parking_lot::Mutex;
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_plugin_abi::{
    FfiCallService, FfiCompletion, FfiError, FfiHost, FfiOwnedTape, FfiSlice, FfiTape, Status,
    Task, tag,
};

use super::refuse::{answer, fill};
use super::{CallOptions, Frame, Scope, ServiceCall, Undo, Waits};
use crate::ResultTape;
use crate::host::text;
use crate::tape::{Tape, lent_view};

#[expect(clippy::cast_possible_truncation, reason = "the table is a few dozen bytes")]
pub(super) static TABLE: FfiCallService = FfiCallService {
    size: size_of::<FfiCallService>() as u32,
    reserved: 0,
    perform: Some(perform),
    start: Some(start),
    cancel: Some(cancel),
    release_task: Some(release_task),
};

/// What a plugin's task handle points to.
type Started = Mutex<Option<Undo>>;

unsafe extern "C" fn perform(
    _: *const FfiHost,
    scope: u64,
    call: u64,
    plugin: FfiSlice,
    action: FfiSlice,
    params: *const FfiTape,
    result: *mut FfiOwnedTape,
    error: *mut FfiError,
) -> Status {
    let body = || {
        let scope = Scope::find(scope)?;
        let home = scope.home()?;
        // SAFETY: the plugin lends both texts for the time of this call.
        let (plugin, action) = unsafe { (text(plugin), text(action)) };
        let caller = caller(&scope, call, &plugin, true)?;
        // SAFETY: the plugin lends the tape for the time of this call.
        let params = unsafe { copied(params) }?;
        let (plugin, action) = (&*plugin, &*action);
        let caller = caller.into();
        let answer = home.services.call(ServiceCall { plugin, action, params, caller })?;
        // SAFETY: the plugin's place for a result.
        unsafe { result.write(answer.into_ffi()) };
        Ok(())
    };
    // SAFETY: the plugin's place for an error.
    unsafe { answer(error, body) }
}

unsafe extern "C" fn start(
    _: *const FfiHost,
    scope: u64,
    call: u64,
    plugin: FfiSlice,
    action: FfiSlice,
    params: *const FfiTape,
    completion: *const FfiCompletion,
    task: *mut Task,
    error: *mut FfiError,
) -> Status {
    let body = || {
        let scope = Scope::find(scope)?;
        let home = scope.home()?;
        // SAFETY: the plugin lends both texts for the time of this call.
        let (plugin, action) = unsafe { (text(plugin), text(action)) };
        let caller = caller(&scope, call, &plugin, false)?;
        // SAFETY: the plugin lends the tape for the time of this call.
        let params = unsafe { copied(params) }?;
        // SAFETY: the plugin passes a whole completion.
        let completion = Completion(unsafe { completion.read() });
        let (plugin, action) = (&*plugin, &*action);
        let caller = caller.into();
        let call = ServiceCall { plugin, action, params, caller };
        let undo = home.services.start(call, Box::new(move |outcome| completion.take(outcome)))?;
        let started: Box<Started> = Box::new(Mutex::new(Some(undo)));
        // SAFETY: the plugin's place for the task.
        unsafe { task.write(Box::into_raw(started).cast()) };
        Ok(())
    };
    // SAFETY: the plugin's place for an error.
    unsafe { answer(error, body) }
}

unsafe extern "C" fn cancel(task: Task) {
    // SAFETY: the plugin passes what `start` wrote, and has not given it back.
    give_up(unsafe { &*task.cast::<Started>() });
}

unsafe extern "C" fn release_task(task: Task) {
    // SAFETY: the plugin gives back, once, what `start` wrote.
    let started = unsafe { Box::from_raw(task.cast::<Started>()) };
    give_up(&started);
}

/// Nobody waits for it any more; of a call that has ended it is nothing new.
fn give_up(started: &Started) {
    let undo = started.lock().take();
    if let Some(undo) = undo {
        undo();
    }
}

/// The parameters; none are an empty map, as they are when Python calls.
///
/// # Safety
/// `params` is NULL or lent for the time of this call.
unsafe fn copied(params: *const FfiTape) -> Result<Tape> {
    // SAFETY: the caller's promise.
    let view = unsafe { lent_view(params) }?;
    if view.node(0)?.tag != tag::NULL {
        return Ok(Tape::copy_of(view)?);
    }
    let mut empty = Tape::default();
    let map = empty.begin_map(0)?;
    empty.end(map)?;
    Ok(empty)
}

/// The call in which `scope` calls `plugin`, if it may. Not within an inline action, for whoever
/// watches calls may run Python code, which could free what is lent to the action; and if it waits,
/// not on the thread that begins an async one, for it may hold the interpreter, or run an event loop.
fn caller(scope: &Arc<Scope>, call: u64, plugin: &str, waits: bool) -> Result<Arc<Frame>> {
    let here = Frame::current();
    let own = scope.plugin();
    let refused = |message: &str, hint: &str| {
        let message = format!("{message}: {own:?} -> {plugin:?}");
        Err(Error::new(ErrorKind::State, message).with_plugin(own).with_hint(hint))
    };
    match here.as_ref().map_or(Waits::Freely, |frame| frame.waits()) {
        Waits::Never => {
            let message = "an inline action cannot call another plugin";
            return refused(message, "Mark the action as blocking, or make it async");
        }
        Waits::Later if waits => {
            let message = "an async action cannot wait for another plugin on its caller's thread";
            return refused(message, "Await the call (call_async), or mark the action as spawn");
        }
        Waits::Later | Waits::Freely => {}
    }
    let own = |frame: &Arc<Frame>| frame.scope().is_some_and(|found| Arc::ptr_eq(found, scope));
    let frame = Frame::find(call).or(here).filter(own);
    let frame = frame.unwrap_or_else(|| Frame::call(scope, CallOptions::default(), Waits::Freely));
    frame.may_call(plugin)?;
    Ok(frame)
}

/// Where a plugin wants the outcome of a call.
struct Completion(FfiCompletion);

// SAFETY: the plugin takes an outcome on any thread.
unsafe impl Send for Completion {}

impl Completion {
    /// Hands over the outcome; what it owns is the plugin's to give back.
    fn take(&self, outcome: Result<ResultTape>) {
        let FfiCompletion { context, finish: Some(finish) } = self.0 else { return };
        let outcome = outcome.map(ResultTape::into_ffi);
        match outcome {
            Ok(mut result) => {
                // SAFETY: `start`'s caller calls this once; the place lives for the time of the call.
                unsafe { finish(context, &raw mut result, ptr::null_mut()) };
            }
            Err(failure) => {
                let mut error = FfiError::empty();
                // SAFETY: as above.
                unsafe {
                    fill(&raw mut error, &failure);
                    finish(context, ptr::null_mut::<c_void>().cast(), &raw mut error);
                }
            }
        }
    }
}
