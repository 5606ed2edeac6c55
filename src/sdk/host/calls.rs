//! Calls of other plugins.

#[cfg(feature = "async")]
mod later;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zerepy_plugin_abi::{FfiCallService, FfiSlice, code};

use super::call::{self, Context};
use super::extension::{function, host};
use super::reply::{Reply, ask};
use crate::Result;
use crate::codec::Payload;

#[cfg(feature = "async")]
pub(super) use later::start;

/// Calls an action and waits for it.
pub(super) fn perform<R: DeserializeOwned>(
    scope: u64,
    plugin: &str,
    action: &str,
    params: &impl Serialize,
) -> Result<R> {
    let perform = function(|table: &FfiCallService| table.perform)?;
    let params = encode(params)?;
    let (plugin, action) = (FfiSlice::new(plugin.as_bytes()), FfiSlice::new(action.as_bytes()));
    let (call, params, mut reply) = (call::number(), params.as_ffi(), Reply::empty());
    // SAFETY: texts and parameters live until the end of the call, as do the places for the answer.
    let perform = |error| unsafe {
        let (params, result) = (&raw const params, reply.as_mut_ptr());
        perform(host(), scope, call, plugin, action, params, result, error)
    };
    Context::within(None, || ask(perform))?;
    reply.decode()
}

fn encode(params: &impl Serialize) -> Result<Payload> {
    Payload::encode(params).map_err(|fault| fault.into_error(code::EXECUTION, "params"))
}
