//! The first words with a loaded library: is it what its descriptor said?
//!
//! It runs the library's entry function, and reads nothing before it is known to be there.

use std::ptr;

use libloading::os::unix::Library as Code;
use zerepy_core::{Exec, PluginInfo};
use zerepy_plugin_abi::{
    ABI_MAJOR, ActionIndex, ENTRY_SYMBOL, FfiCompletion, FfiEntry, FfiError, FfiLibrary,
    FfiOwnedTape, FfiPlugin, FfiTape, Instance, MAGIC, Status, Stream, Task,
};

use crate::descriptor::trim;
use crate::elf::other_major;
use crate::failure::PluginError;
use crate::host::{self, HOST};
use crate::inspect::Inspected;
use crate::refusal::{Refusal, Result};
use crate::table::{Table, field};

pub(crate) type Create = unsafe extern "C" fn(*mut Instance, *mut FfiError) -> Status;
pub(crate) type Destroy = unsafe extern "C" fn(Instance);
pub(crate) type Initialize =
    unsafe extern "C" fn(Instance, *const FfiTape, *mut FfiError) -> Status;
/// `cleanup`, and the questions.
pub(crate) type Ask = unsafe extern "C" fn(Instance, *mut FfiError) -> Status;
/// `call` and `validate`.
pub(crate) type Call = unsafe extern "C" fn(
    Instance,
    ActionIndex,
    *const FfiTape,
    *mut FfiOwnedTape,
    *mut FfiError,
) -> Status;

pub(crate) type Start = unsafe extern "C" fn(
    Instance,
    ActionIndex,
    *const FfiTape,
    *const FfiCompletion,
    *mut Task,
    *mut FfiError,
) -> Status;

/// What is needed for async actions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tasks {
    pub(crate) start: Start,
    pub(crate) cancel: unsafe extern "C" fn(Task),
    pub(crate) release: unsafe extern "C" fn(Task),
}

pub(crate) type OpenStream = unsafe extern "C" fn(
    Instance,
    ActionIndex,
    *const FfiTape,
    *mut Stream,
    *mut FfiError,
) -> Status;
/// `next_item` and `close_stream`.
pub(crate) type AskStream = unsafe extern "C" fn(Stream, *const FfiCompletion);

/// `save_state`.
pub(crate) type Give = unsafe extern "C" fn(Instance, *mut FfiOwnedTape, *mut FfiError) -> Status;
/// What is needed for actions that yield items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) open: OpenStream,
    pub(crate) next: AskStream,
    pub(crate) close: AskStream,
}

/// The functions of one plugin, resolved, as the ABI describes them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Functions {
    pub(crate) create: Create,
    pub(crate) destroy: Destroy,
    pub(crate) initialize: Initialize,
    pub(crate) cleanup: Ask,
    pub(crate) call: Call,
    pub(crate) validate: Option<Call>,
    pub(crate) is_configured: Option<Ask>,
    pub(crate) configure: Option<Ask>,
    pub(crate) health: Option<Ask>,
    pub(crate) tasks: Option<Tasks>, // there, if an action is async
    pub(crate) streams: Option<Streams>, // there, if an action is a stream
    pub(crate) save_state: Option<Give>,
    pub(crate) load_state: Option<Initialize>,
    pub(crate) reconfigure: Option<Initialize>,
}

/// Calls the library's entry and returns its plugins' functions, in the descriptor's order.
///
/// # Safety
/// The library's code is trusted to follow the ABI, and is never unloaded.
pub(crate) unsafe fn shake(code: &Code, inspected: &Inspected) -> Result<Vec<Functions>> {
    // SAFETY: the entry symbol's name stands for its type.
    let entry = unsafe { code.get::<FfiEntry>(ENTRY_SYMBOL.to_bytes_with_nul()) }
        .map_err(|error| Refusal::load(format!("its entry cannot be found: {error}")))?;
    let mut error = PluginError::new();
    // SAFETY: the host's table lives for ever, and the error for the time of the call.
    let library = unsafe { entry(&raw const HOST, error.as_mut_ptr()) };
    if library.is_null() {
        return Err(Refusal::load(format!("it refused this host: {}", error.message())));
    }
    // SAFETY: the magic is the first field of whatever the entry of any version returns.
    if !library.is_aligned() || unsafe { (&raw const (*library).magic).read() } != MAGIC {
        return Err(broken("what its entry returned is not a plugin library's table"));
    }
    // SAFETY: it has the magic, so it is a library's table, which lives as long as the process.
    let table = unsafe { Table::new(library, |table| (*table).size) }
        .ok_or_else(|| broken("its table cannot be where it says"))?;
    check_version(&table)?;
    check_descriptor(&table, inspected)?;
    let plugins = &inspected.info.plugins;
    let tables = plugin_tables(&table, plugins.len())?;
    // SAFETY: the library's table says that there are as many, and `plugin_tables` compared.
    (0..plugins.len()).map(|at| functions(unsafe { tables.add(at).read() }, &plugins[at])).collect()
}

fn check_version(table: &Table<FfiLibrary>) -> Result<()> {
    match field!(table, FfiLibrary.abi_major) {
        Some(ABI_MAJOR) => Ok(()),
        Some(major) => Err(other_major(major)),
        None => Err(too_small()),
    }
}

/// The running library says the same of itself as the file did.
fn check_descriptor(table: &Table<FfiLibrary>, inspected: &Inspected) -> Result<()> {
    let descriptor = field!(table, FfiLibrary.descriptor).ok_or_else(too_small)?;
    let section = &inspected.descriptor;
    if descriptor.len > section.len() {
        return Err(other_descriptor());
    }
    // SAFETY: the table of a library of this version points to its descriptor, and what is read is
    // no longer than what its file holds.
    if trim(unsafe { host::bytes(descriptor) }) == trim(section) {
        return Ok(());
    }
    Err(other_descriptor())
}

fn plugin_tables(table: &Table<FfiLibrary>, declared: usize) -> Result<*const *const FfiPlugin> {
    let count = field!(table, FfiLibrary.plugin_count).ok_or_else(too_small)?;
    let tables = field!(table, FfiLibrary.plugins).ok_or_else(too_small)?;
    if count != declared {
        return Err(broken(&format!("it has {count} plugins, its descriptor says {declared}")));
    }
    if tables.is_null() || !tables.is_aligned() {
        return Err(broken("it has no list of its plugins' tables"));
    }
    Ok(tables)
}

fn functions(plugin: *const FfiPlugin, info: &PluginInfo) -> Result<Functions> {
    let name = &info.name;
    // SAFETY: the library's list holds its plugins' tables, which live as long as the process.
    let table = unsafe { Table::new(plugin, |table| ptr::read(&raw const (*table).size)) }
        .ok_or_else(|| broken(&format!("the table of its plugin {name:?} is missing")))?;
    let missing = |function: &'static str| {
        move || broken(&format!("its plugin {name:?} has no {function:?} function"))
    };
    macro_rules! function {
        ($field:ident) => {
            field!(table, FfiPlugin.$field).flatten()
        };
    }
    macro_rules! required {
        ($field:ident) => {
            function!($field).ok_or_else(missing(stringify!($field)))?
        };
    }
    let has = |exec| info.actions.iter().any(|action| action.exec == exec);
    let tasks = if has(Exec::Async) {
        let (start, cancel) = (required!(start), required!(cancel));
        Some(Tasks { start, cancel, release: required!(release_task) })
    } else {
        None
    };
    let streams = if has(Exec::Stream) {
        let (open, next) = (required!(open_stream), required!(next_item));
        Some(Streams { open, next, close: required!(close_stream) })
    } else {
        None
    };
    Ok(Functions {
        create: required!(create),
        destroy: required!(destroy),
        initialize: required!(initialize),
        cleanup: required!(cleanup),
        call: required!(call),
        validate: function!(validate),
        is_configured: function!(is_configured),
        configure: function!(configure),
        health: function!(health),
        tasks,
        streams,
        save_state: function!(save_state),
        load_state: function!(load_state),
        reconfigure: function!(reconfigure),
    })
}

fn broken(why: &str) -> Refusal {
    Refusal::abi(why)
        .hint("It does not follow the plugin ABI; build it with the zerepy-plugin crate")
}

fn too_small() -> Refusal {
    broken("its table is smaller than version 1 of the plugin ABI has it")
}

fn other_descriptor() -> Refusal {
    Refusal::load("the descriptor in its file is not the one it answers with")
        .hint("The file was changed after it was built; build it again")
}
