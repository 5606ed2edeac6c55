//! The C ABI between the host and a plugin library, version 1.
//!
//! Tables and constants only: no logic, no dependencies, no allocation. Everything has C's layout
//! and is passed by pointer. A table that begins with its `size`, or its magic and that, may grow at
//! its end: a field exists only if the `size` covers it. A function that is `NULL` is not provided.
//!
//! Memory is freed by the side that made it: whatever is handed over with a `release` function is
//! given back through it, exactly once. No panic, exception or Rust type crosses.
#![no_std]

// The layout is recorded in `layout.golden`, and the C header in `python/zerepy_plugins/include` is
// made from these files with their documentation; `tests/abi` compares both, and says how they are
// renewed.

mod host;
mod library;
mod services;
mod tape;

pub use host::{FfiHost, Level};
pub use library::{
    ActionIndex, FfiCompletion, FfiEntry, FfiError, FfiLibrary, FfiPlugin, FfiSlice, Instance,
    Status, Stream, Task, code, status,
};
pub use services::{
    FfiCallService, FfiContextService, FfiCurrent, FfiEvent, FfiEventService, FfiLogService,
    FfiMetricService, FfiSubscriber, Metric, NO_LIMIT, extension, metric,
};
pub use tape::{FfiOwnedTape, FfiTape, MAX_DEPTH, Node, TAPE_VERSION, element, ext, tag};

/// The incompatible part of the ABI's version; it is also part of the entry symbol's name.
pub const ABI_MAJOR: u16 = 1;

/// The compatible part of the ABI's version: it counts the times the tables grew, or the tape
/// got new kinds of nodes.
pub const ABI_MINOR: u16 = 2;

/// First field of [`FfiHost`] and [`FfiLibrary`]: the bytes `ZPLUGIN\0`, little endian.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ZPLUGIN\0");

/// The one symbol that a plugin library exports; see [`FfiEntry`].
pub const ENTRY_SYMBOL: &core::ffi::CStr = c"zerepy_plugin_entry_v1";

/// What the entry symbols of all majors begin with, so that a host can name the one it found.
pub const ENTRY_PREFIX: &str = "zerepy_plugin_entry_v";

/// The section of the binary (ELF) that holds the descriptor, readable without running code.
pub const DESCRIPTOR_SECTION: &str = ".zerepy.plugin";
