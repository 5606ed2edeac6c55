//! Holds version 1 of the ABI still: its layout against `layout.golden`, and the C header made from
//! the tables against the one that is checked in.
//!
//! After a table has grown at its end, and `ABI_MINOR` with it, both are renewed by
//!
//! ```text
//! ZEREPY_RENEW=1 cargo test -p zerepy-plugin-abi
//! ```
#![cfg(target_pointer_width = "64")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod c;
mod compile;
mod header;
mod layout;

/// How to renew what is checked in.
const RENEW: &str = "ZEREPY_RENEW=1 cargo test -p zerepy-plugin-abi";

/// Whether what is checked in is to be renewed, as far as that is allowed.
fn renews() -> bool {
    std::env::var_os("ZEREPY_RENEW").is_some()
}
