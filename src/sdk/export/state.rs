//! What a plugin remembers, and another configuration while it runs: the table's functions for them.

use zerepy_plugin_abi::{FfiError, FfiOwnedTape, FfiTape, Instance, Status, status};

use super::instance::{borrow, hand_over, serve};
use super::{Exported, Taking, encode_result};
use crate::Result;

pub(super) unsafe extern "C" fn save<P: Exported>(
    instance: Instance,
    state: *mut FfiOwnedTape,
    error: *mut FfiError,
) -> Status {
    // SAFETY: the host passes what the ABI says.
    unsafe {
        serve::<P>(instance, error, |plugin, _| {
            let payload = P::SAVE_STATE.map_or_else(|| encode_result(&()), |save| save(plugin))?;
            Ok(hand_over(payload, state))
        })
    }
}

pub(super) unsafe extern "C" fn load<P: Exported>(
    instance: Instance,
    state: *const FfiTape,
    error: *mut FfiError,
) -> Status {
    // SAFETY: the host passes what the ABI says.
    unsafe { take::<P>(instance, state, error, P::LOAD_STATE) }
}

pub(super) unsafe extern "C" fn reconfigure<P: Exported>(
    instance: Instance,
    config: *const FfiTape,
    error: *mut FfiError,
) -> Status {
    // SAFETY: the host passes what the ABI says.
    unsafe { take::<P>(instance, config, error, P::RECONFIGURE) }
}

/// # Safety
///
/// As for [`serve`]; the host lends what is given for the time of this call.
unsafe fn take<P: Exported>(
    instance: Instance,
    given: *const FfiTape,
    error: *mut FfiError,
    taking: Option<Taking<P>>,
) -> Status {
    // SAFETY: as the caller promises.
    unsafe {
        serve::<P>(instance, error, |plugin, _| {
            let take = taking.map(|taking| -> Result<()> { taking(plugin, borrow(given)?) });
            take.unwrap_or(Ok(())).map(|()| status::OK)
        })
    }
}
