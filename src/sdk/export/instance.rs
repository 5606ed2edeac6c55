//! An instance of a plugin and the table's functions around it.
//!
//! An instance holds the author's value only between `initialize` and `cleanup`. After a panic it
//! is poisoned: nothing is asked of that value any more, and the next `initialize` or `cleanup`
//! drops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use zerepy_plugin_abi::{
    ActionIndex, FfiError, FfiOwnedTape, FfiPlugin, FfiTape, Instance, Status, code, status,
};

use super::error::report;
use super::guard::guard;
use super::{Exported, encode_result, state, wrong_params};
#[cfg(feature = "async")]
use super::{stream, task};
use crate::codec::{Payload, Tape};
use crate::host::set_default_plugin;
use crate::{Error, Result};

/// What an [`Instance`] points to.
struct Slot<P> {
    plugin: Option<Arc<P>>, // tasks of async actions share both
    poisoned: Arc<AtomicBool>,
}

/// The table of a plugin.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the table is a few dozen bytes")]
pub const fn table<P: Exported>() -> FfiPlugin {
    FfiPlugin {
        size: size_of::<FfiPlugin>() as u32,
        reserved: 0,
        create: Some(create::<P>),
        destroy: Some(destroy::<P>),
        initialize: Some(initialize::<P>),
        cleanup: Some(cleanup::<P>),
        call: Some(call::<P>),
        validate: if P::VALIDATE.is_some() { Some(validate::<P>) } else { None },
        is_configured: if P::IS_CONFIGURED.is_some() { Some(is_configured::<P>) } else { None },
        configure: if P::CONFIGURE.is_some() { Some(configure::<P>) } else { None },
        health: if P::HEALTH.is_some() { Some(health::<P>) } else { None },
        #[cfg(feature = "async")]
        start: Some(task::start::<P>),
        #[cfg(feature = "async")]
        cancel: Some(task::cancel),
        #[cfg(feature = "async")]
        release_task: Some(task::release),
        #[cfg(not(feature = "async"))]
        start: None,
        #[cfg(not(feature = "async"))]
        cancel: None,
        #[cfg(not(feature = "async"))]
        release_task: None,
        #[cfg(feature = "async")]
        open_stream: Some(stream::open::<P>),
        #[cfg(feature = "async")]
        next_item: Some(stream::next),
        #[cfg(feature = "async")]
        close_stream: Some(stream::close),
        #[cfg(not(feature = "async"))]
        open_stream: None,
        #[cfg(not(feature = "async"))]
        next_item: None,
        #[cfg(not(feature = "async"))]
        close_stream: None,
        save_state: if P::SAVE_STATE.is_some() { Some(state::save::<P>) } else { None },
        load_state: if P::LOAD_STATE.is_some() { Some(state::load::<P>) } else { None },
        reconfigure: if P::RECONFIGURE.is_some() { Some(state::reconfigure::<P>) } else { None },
    }
}

unsafe extern "C" fn create<P: Exported>(out: *mut Instance, _error: *mut FfiError) -> Status {
    let slot = Box::new(Slot::<P> { plugin: None, poisoned: Arc::default() });
    // SAFETY: the host passes a place for the instance.
    unsafe { out.write(Box::into_raw(slot).cast()) };
    status::OK
}

unsafe extern "C" fn destroy<P: Exported>(instance: Instance) {
    if instance.is_null() {
        return;
    }
    // SAFETY: the host gives back, once, what `create` made, and nobody else uses it.
    let slot = unsafe { Box::from_raw(instance.cast::<Slot<P>>()) };
    if let Err(error) = guard(P::DESCRIPTOR.name, || {
        drop(slot);
        Ok(())
    }) {
        crate::log!(Error, "dropping {:?} panicked: {error}", P::DESCRIPTOR.name);
    }
}

unsafe extern "C" fn initialize<P: Exported>(
    instance: Instance,
    config: *const FfiTape,
    error: *mut FfiError,
) -> Status {
    // SAFETY: the host passes what `create` made, and has it to itself here.
    let slot = unsafe { &mut *instance.cast::<Slot<P>>() };
    let outcome = if slot.plugin.is_some() && !slot.poisoned.load(Ordering::Relaxed) {
        Err(wrong_state("it is initialized already", "Clean it up first"))
    } else {
        guard(P::DESCRIPTOR.name, || {
            set_default_plugin(P::DESCRIPTOR.name);
            drop(slot.plugin.take());
            // SAFETY: the host lends the tape for the time of this call.
            let config = unsafe { Tape::from_ffi(config) }
                .map_err(|fault| fault.into_error(code::CONFIG, "config"))?;
            slot.plugin = Some(Arc::new(P::start(config)?));
            slot.poisoned.store(false, Ordering::Relaxed);
            Ok(())
        })
    };
    // SAFETY: the host's place for an error.
    unsafe { slot.settle(outcome.map(|()| status::OK), error) }
}

/// A second time, or without `initialize`, there is nothing to do. After an error the plugin is
/// still there, so that it can be cleaned up again.
unsafe extern "C" fn cleanup<P: Exported>(instance: Instance, error: *mut FfiError) -> Status {
    // SAFETY: the host passes what `create` made, and has it to itself here.
    let slot = unsafe { &mut *instance.cast::<Slot<P>>() };
    let outcome = guard(P::DESCRIPTOR.name, || {
        if let (Some(plugin), false) = (&slot.plugin, slot.poisoned.load(Ordering::Relaxed)) {
            P::CLEANUP.map_or(Ok(()), |cleanup| cleanup(plugin))?;
        }
        drop(slot.plugin.take());
        Ok(status::OK)
    });
    // SAFETY: the host's place for an error.
    unsafe { slot.settle(outcome, error) }
}

unsafe extern "C" fn call<P: Exported>(
    instance: Instance,
    action: ActionIndex,
    params: *const FfiTape,
    result: *mut FfiOwnedTape,
    error: *mut FfiError,
) -> Status {
    // SAFETY: the host passes what the ABI says, and lends the tape for the time of this call.
    unsafe {
        serve::<P>(instance, error, |plugin, _| {
            let payload = plugin.invoke(action, borrow(params)?)?;
            Ok(hand_over(payload, result))
        })
    }
}

unsafe extern "C" fn validate<P: Exported>(
    instance: Instance,
    _action: ActionIndex,
    params: *const FfiTape,
    result: *mut FfiOwnedTape,
    error: *mut FfiError,
) -> Status {
    // SAFETY: the host passes what the ABI says, and lends the tape for the time of this call.
    unsafe {
        serve::<P>(instance, error, |plugin, _| {
            let params = borrow(params)?;
            let problems = P::VALIDATE.map_or(Ok(Vec::new()), |check| check(plugin, params))?;
            Ok(hand_over(encode_result(&problems)?, result))
        })
    }
}

/// What is not initialized has not what it needs to work, which is an answer and no error.
unsafe extern "C" fn is_configured<P: Exported>(instance: Instance, out: *mut FfiError) -> Status {
    // SAFETY: the host passes what `create` made.
    if unsafe { (*instance.cast::<Slot<P>>()).plugin.is_none() } {
        return status::OK;
    }
    // SAFETY: the host passes what the ABI says.
    unsafe { ask::<P>(instance, out, P::IS_CONFIGURED) }
}

unsafe extern "C" fn configure<P: Exported>(instance: Instance, out: *mut FfiError) -> Status {
    // SAFETY: the host passes what the ABI says.
    unsafe { ask::<P>(instance, out, P::CONFIGURE) }
}

unsafe extern "C" fn health<P: Exported>(instance: Instance, out: *mut FfiError) -> Status {
    // SAFETY: the host passes what the ABI says.
    unsafe { ask::<P>(instance, out, P::HEALTH) }
}

/// # Safety
///
/// As for [`serve`].
unsafe fn ask<P: Exported>(
    instance: Instance,
    error: *mut FfiError,
    question: Option<fn(&P) -> Result<bool>>,
) -> Status {
    // SAFETY: as the caller promises.
    unsafe {
        serve::<P>(instance, error, |plugin, _| {
            let yes = question.map_or(Ok(true), |question| question(plugin))?;
            Ok(if yes { status::YES } else { status::OK })
        })
    }
}

/// Runs `body` with the plugin, if it is ready.
///
/// # Safety
///
/// `instance` is from `create` and not initialized, cleaned up or destroyed meanwhile; `error` is
/// NULL or the host's place for an error.
#[inline]
pub(super) unsafe fn serve<P: Exported>(
    instance: Instance,
    error: *mut FfiError,
    body: impl FnOnce(&Arc<P>, &Arc<AtomicBool>) -> Result<Status>,
) -> Status {
    // SAFETY: as the caller promises.
    let slot = unsafe { &*instance.cast::<Slot<P>>() };
    let outcome =
        slot.ready().and_then(|plugin| guard(P::DESCRIPTOR.name, || body(plugin, &slot.poisoned)));
    // SAFETY: as the caller promises.
    unsafe { slot.settle(outcome, error) }
}

impl<P: Exported> Slot<P> {
    #[inline]
    fn ready(&self) -> Result<&Arc<P>> {
        match &self.plugin {
            Some(_) if self.poisoned.load(Ordering::Relaxed) => {
                Err(wrong_state("it has panicked before", "Clean it up, then initialize it again"))
            }
            Some(plugin) => Ok(plugin),
            None => Err(wrong_state("it is not initialized", "Initialize it first")),
        }
    }

    /// Tells the host how it went; a panic poisons.
    ///
    /// # Safety
    ///
    /// `error` is NULL or the host's place for an error.
    #[inline]
    unsafe fn settle(&self, outcome: Result<Status>, error: *mut FfiError) -> Status {
        outcome.unwrap_or_else(|failure| {
            if failure.code() == code::PANIC {
                self.poisoned.store(true, Ordering::Relaxed);
            }
            // SAFETY: as the caller promises.
            unsafe { report(failure, error) };
            status::FAILED
        })
    }
}

/// The host says of which plugin and which step this is.
#[cold]
fn wrong_state(why: &str, hint: &str) -> Error {
    Error::with_code(code::STATE, why).with_hint(hint)
}

/// # Safety
///
/// The host lends the tape for `'t`.
#[inline]
pub(super) unsafe fn borrow<'t>(params: *const FfiTape) -> Result<Tape<'t>> {
    // SAFETY: as the caller promises.
    unsafe { Tape::from_ffi(params) }.map_err(wrong_params)
}

/// # Safety
///
/// `result` is the host's place for a result.
#[inline]
pub(super) unsafe fn hand_over(payload: Payload, result: *mut FfiOwnedTape) -> Status {
    // SAFETY: as the caller promises.
    unsafe { result.write(payload.into_ffi()) };
    status::OK
}
