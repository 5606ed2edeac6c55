//! Values as MessagePack: what plugins get that declare this encoding, and what can be kept in files
//! or sent to other processes. Exact, as the tape is, but that a tuple comes back as a list.
//!
//! Integers beyond 64 bits and packed arrays are extension types; the C header `zerepy_plugin.h` says
//! which.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zerepy_plugin_abi::code;

use crate::Result;
use crate::codec::{Payload, from_msgpack, to_msgpack};

/// What values are called in errors.
const ROOT: &str = "value";

/// Writes `value`.
///
/// # Errors
/// `value` cannot cross the border: its keys are no texts, or it nests too deep.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    Payload::encode(value)
        .and_then(|payload| to_msgpack(&payload))
        .map_err(|fault| fault.into_error(code::EXECUTION, ROOT))
}

/// Reads the one value that `bytes` hold.
///
/// # Errors
/// They hold no value, more than one, or one of another type; the path says where.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    from_msgpack(bytes)
        .and_then(|value| Payload::encode(&value)?.tape().decode())
        .map_err(|fault| fault.into_error(code::INVALID_PARAMS, ROOT))
}
