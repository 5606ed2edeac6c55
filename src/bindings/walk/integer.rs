//! Integers beyond 64 bits, by way of their hexadecimal form: that runs no methods, not even those
//! of a subclass, and makes nothing that would set the collector off in the middle of a walk.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::Refusal;

/// The two's complement of an `int`, little endian, as short as it can be.
pub(super) fn to_le_bytes(object: &Bound<'_, PyAny>) -> Result<Vec<u8>, Refusal> {
    // SAFETY: a live object; it returns a new one, or NULL with an exception.
    let text = unsafe {
        let text = ffi::PyNumber_ToBase(object.as_ptr(), 16);
        Bound::from_owned_ptr_or_err(object.py(), text)?.cast_into::<PyString>()
    };
    let text = text.map_err(PyErr::from)?;
    let digits = text.to_str()?; // such as -0x1f
    let (is_negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits),
    };
    let mut bytes = magnitude(digits.trim_start_matches("0x").as_bytes());
    if is_negative {
        negate(&mut bytes);
    }
    if let [.., below, last] = bytes[..]
        && last == (if below >= 0x80 { 0xff } else { 0 })
    {
        bytes.pop();
    }
    Ok(bytes)
}

/// The number, and a byte for its sign.
fn magnitude(digits: &[u8]) -> Vec<u8> {
    let value = |digit: &u8| match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'a' + 10,
    };
    let mut bytes = Vec::with_capacity(digits.len() / 2 + 2);
    bytes.extend(
        digits.rchunks(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | value(digit))),
    );
    bytes.push(0);
    bytes
}

fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        (*byte, carry) = (!*byte).overflowing_add(carry.into());
    }
}
