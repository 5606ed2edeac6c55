//! What the host offers to a plugin.

use core::ffi::c_void;

use crate::FfiSlice;

/// How grave a log record is; the numbers are those of Python's `logging`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Finer than debugging.
    Trace = 5,
    /// For debugging.
    Debug = 10,
    /// Normal course of things.
    Info = 20,
    /// Something unexpected that was dealt with.
    Warning = 30,
    /// Something failed.
    Error = 40,
}

/// The host's table, passed to [`crate::FfiEntry`]; it outlives the library.
///
/// All functions may be called from any thread, with or without Python's GIL held.
#[repr(C)]
#[derive(Debug)]
pub struct FfiHost {
    /// [`crate::MAGIC`].
    pub magic: u64,
    /// Bytes of this table.
    pub size: u32,
    /// [`crate::ABI_MAJOR`] of the host.
    pub abi_major: u16,
    /// [`crate::ABI_MINOR`] of the host.
    pub abi_minor: u16,
    /// Sends a log record to Python's `logging`, as `zerepy_plugins.plugin.<plugin>`; `level` is a
    /// number of [`Level`].
    pub log: Option<
        unsafe extern "C" fn(host: *const FfiHost, level: u32, plugin: FfiSlice, message: FfiSlice),
    >,
    /// The table of an optional service, or NULL if this host does not have it.
    pub get_extension:
        Option<unsafe extern "C" fn(host: *const FfiHost, id: FfiSlice) -> *const c_void>,
}

// SAFETY: the table is immutable plain data, and its functions may be called from any thread.
unsafe impl Sync for FfiHost {}
// SAFETY: as above; it refers to nothing that belongs to a thread.
unsafe impl Send for FfiHost {}
