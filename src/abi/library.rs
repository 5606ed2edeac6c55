//! What a plugin library offers to the host.

use core::ffi::c_void;

use crate::{FfiHost, FfiOwnedTape, FfiTape};

/// A plugin instance, known only to the library that created it.
pub type Instance = *mut c_void;

/// An async action that was started, known only to the library that started it.
pub type Task = *mut c_void;

/// A stream that was opened, known only to the library that opened it.
pub type Stream = *mut c_void;

/// The place of an action in the descriptor's list of a plugin.
pub type ActionIndex = u32;

/// What a fallible function returns: one of the constants in [`status`].
pub type Status = i32;

/// The values of [`Status`].
pub mod status {
    /// Done; for a question, "no".
    pub const OK: i32 = 0;
    /// For a question, "yes".
    pub const YES: i32 = 1;
    /// It failed, and the error was filled in.
    pub const FAILED: i32 = -1;
}

/// The values of [`FfiError::code`]; unknown ones are read as [`code::EXECUTION`].
pub mod code {
    /// The action failed.
    pub const EXECUTION: u32 = 1;
    /// The parameters do not fit the action.
    pub const INVALID_PARAMS: u32 = 2;
    /// The configuration does not fit the plugin.
    pub const CONFIG: u32 = 3;
    /// Not possible yet: try again later (`retry_after`, in seconds, in the detail).
    pub const NOT_READY: u32 = 4;
    /// The plugin panicked; message and `location` (in the detail) are the panic's.
    pub const PANIC: u32 = 5;
    /// Called in a state in which it cannot be served, such as before `initialize`.
    pub const STATE: u32 = 6;
}

/// Bytes lent for the time of one call, or for ever where a table says so.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FfiSlice {
    /// The first byte; may be NULL if `len` is 0.
    pub ptr: *const u8,
    /// How many bytes there are.
    pub len: usize,
}

impl FfiSlice {
    /// Lends `bytes`.
    #[must_use]
    pub const fn new(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { ptr: core::ptr::null(), len: 0 }
    }
}

/// An error, filled in by the plugin; the host reads it, then calls `release(owner)` once.
#[repr(C)]
#[derive(Debug)]
pub struct FfiError {
    /// Bytes of this structure, set by the host before the call.
    pub size: u32,
    /// One of the constants in [`code`].
    pub code: u32,
    /// What went wrong, UTF-8.
    pub message: FfiSlice,
    /// A JSON object with more (`path`, `location`, `retry_after`, …), or empty.
    pub detail: FfiSlice,
    /// Passed back to `release`.
    pub owner: *mut c_void,
    /// Frees message and detail; NULL if nothing is to be freed.
    pub release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
}

impl FfiError {
    /// An error with nothing in it, for the callee to fill.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the structure is a few dozen bytes")]
    pub const fn empty() -> Self {
        Self {
            size: size_of::<Self>() as u32,
            code: 0,
            message: FfiSlice::empty(),
            detail: FfiSlice::empty(),
            owner: core::ptr::null_mut(),
            release: None,
        }
    }
}

/// One plugin of a library.
///
/// Thread rule: `create` and `destroy`, `initialize` and `cleanup` have the instance to themselves;
/// everything else may be called from several threads at once. A `blocking` action is called
/// without Python's GIL; an `inline` one on its caller's thread, with the GIL if Python calls.
#[repr(C)]
#[derive(Debug)]
pub struct FfiPlugin {
    /// Bytes of this table.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Makes an instance that is not initialized yet. Required.
    pub create: Option<unsafe extern "C" fn(out: *mut Instance, error: *mut FfiError) -> Status>,
    /// Frees an instance. Required.
    pub destroy: Option<unsafe extern "C" fn(instance: Instance)>,
    /// Makes an instance ready; `config` is a map. May be called again after `cleanup`. Required.
    pub initialize: Option<
        unsafe extern "C" fn(
            instance: Instance,
            config: *const FfiTape,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Undoes `initialize`. Required.
    pub cleanup: Option<unsafe extern "C" fn(instance: Instance, error: *mut FfiError) -> Status>,
    /// Performs an action, and refuses parameters that do not fit it: nobody checked them before.
    /// Required.
    pub call: Option<
        unsafe extern "C" fn(
            instance: Instance,
            action: ActionIndex,
            params: *const FfiTape,
            result: *mut FfiOwnedTape,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Writes a list of texts, one for each problem that `call` would find in the parameters.
    /// Optional.
    pub validate: Option<
        unsafe extern "C" fn(
            instance: Instance,
            action: ActionIndex,
            params: *const FfiTape,
            result: *mut FfiOwnedTape,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Whether the plugin has what it needs to work; [`status::YES`] or [`status::OK`]. Optional.
    pub is_configured:
        Option<unsafe extern "C" fn(instance: Instance, error: *mut FfiError) -> Status>,
    /// Sets the plugin up, and answers like `is_configured`. Optional.
    pub configure: Option<unsafe extern "C" fn(instance: Instance, error: *mut FfiError) -> Status>,
    /// Whether the plugin is well; answers like `is_configured`. Optional.
    pub health: Option<unsafe extern "C" fn(instance: Instance, error: *mut FfiError) -> Status>,
    /// Begins an `async` action and returns at once; the parameters are lent for this call only. If
    /// it succeeds, it has written the task, and the outcome goes to `completion`, perhaps before
    /// this returns. Required, with the two below, if the descriptor has an `async` action.
    pub start: Option<
        unsafe extern "C" fn(
            instance: Instance,
            action: ActionIndex,
            params: *const FfiTape,
            completion: *const FfiCompletion,
            task: *mut Task,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Asks a task to end early. Its outcome comes all the same. It may have ended already, and may
    /// be asked more than once.
    pub cancel: Option<unsafe extern "C" fn(task: Task)>,
    /// Gives a task back, once, whether it has ended or not; if not, it goes on.
    pub release_task: Option<unsafe extern "C" fn(task: Task)>,
    /// Begins a `stream` action and returns at once; the parameters are lent for this call only. If
    /// it succeeds, it has written the stream, and the instance is in use until that is closed.
    /// Required, with the two below, if the descriptor has a `stream` action.
    pub open_stream: Option<
        unsafe extern "C" fn(
            instance: Instance,
            action: ActionIndex,
            params: *const FfiTape,
            stream: *mut Stream,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Asks for the next item, and returns at once. The outcome goes to `completion`, perhaps before
    /// this returns: a result is the item; an error, or neither of the two, is the end. It is not
    /// asked again before that outcome, nor after the end.
    pub next_item: Option<unsafe extern "C" fn(stream: Stream, completion: *const FfiCompletion)>,
    /// Gives a stream back, once, whether it has ended or not; what still produces is ended early.
    /// An item that was asked for has its outcome first; then `completion` gets neither a result nor
    /// an error, perhaps before this returns, and nothing of the stream uses the instance any more.
    pub close_stream:
        Option<unsafe extern "C" fn(stream: Stream, completion: *const FfiCompletion)>,
    /// Writes what the plugin wants to remember from one run to the next: what JSON can hold. Optional.
    pub save_state: Option<
        unsafe extern "C" fn(
            instance: Instance,
            state: *mut FfiOwnedTape,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Takes up what `save_state` wrote in an earlier run; at most once, after `initialize`. Optional.
    pub load_state: Option<
        unsafe extern "C" fn(
            instance: Instance,
            state: *const FfiTape,
            error: *mut FfiError,
        ) -> Status,
    >,
    /// Takes over another configuration while calls may be running, or fails and goes on with the
    /// one it has. Optional: a plugin without it is created anew.
    pub reconfigure: Option<
        unsafe extern "C" fn(
            instance: Instance,
            config: *const FfiTape,
            error: *mut FfiError,
        ) -> Status,
    >,
}

/// Where an outcome goes: that of an async action, of asking for an item, of closing a stream.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FfiCompletion {
    /// Passed back to `finish`.
    pub context: *mut c_void,
    /// Takes the outcome, exactly once, on any thread: a result and a NULL error, or a NULL result
    /// and an error; for streams, perhaps neither. Both are read during the call, and what they own
    /// is given back by the receiver. A second time is ignored. The instance is in use until then.
    pub finish: Option<
        unsafe extern "C" fn(context: *mut c_void, result: *mut FfiOwnedTape, error: *mut FfiError),
    >,
}

/// The library's table, returned by [`FfiEntry`]; it lives as long as the process.
#[repr(C)]
#[derive(Debug)]
pub struct FfiLibrary {
    /// [`crate::MAGIC`].
    pub magic: u64,
    /// Bytes of this table.
    pub size: u32,
    /// [`crate::ABI_MAJOR`] the library was built for.
    pub abi_major: u16,
    /// [`crate::ABI_MINOR`] the library was built for.
    pub abi_minor: u16,
    /// The descriptor, JSON in UTF-8: the same bytes as in [`crate::DESCRIPTOR_SECTION`].
    pub descriptor: FfiSlice,
    /// How many plugins there are, in the descriptor's order.
    pub plugin_count: usize,
    /// Their tables.
    pub plugins: *const *const FfiPlugin,
}

// SAFETY: the tables are immutable plain data that live as long as the process.
unsafe impl Sync for FfiLibrary {}
// SAFETY: as above.
unsafe impl Sync for FfiPlugin {}

/// What a plugin library exports as [`crate::ENTRY_SYMBOL`]. It returns NULL, with `error` filled
/// in, if the library cannot serve this host. It is called once for each loaded copy of a library.
pub type FfiEntry =
    unsafe extern "C" fn(host: *const FfiHost, error: *mut FfiError) -> *const FfiLibrary;
