//! The border on the plugin's side: what the macros implement, and the tables made from it.
//! Every function of a table goes through the one guard in [`guard`].

mod error;
#[cfg(feature = "async")]
mod finisher;
mod guard;
mod instance;
#[cfg(feature = "async")]
mod running;
mod state;
#[cfg(feature = "async")]
mod stream;
#[cfg(feature = "async")]
mod task;

use std::pin::Pin;
use std::ptr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zerepy_plugin_abi::{
    ABI_MAJOR, ABI_MINOR, ActionIndex, FfiError, FfiHost, FfiLibrary, FfiPlugin, FfiSlice, MAGIC,
    code,
};

use crate::codec::{Fault, Payload, Tape};
use crate::descriptor::PluginDescriptor;
use crate::{Error, Result};

pub(crate) use guard::{current_plugin, guard, install_panic_hook};
pub use instance::table;
#[cfg(feature = "async")]
pub use stream::{Items, Producer};

/// A function that lists the problems with parameters.
pub type Check<P> = fn(&P, Tape<'_>) -> Result<Vec<String>>;

/// A function that takes something and gives nothing back.
pub type Taking<P> = fn(&P, Tape<'_>) -> Result<()>;

/// A plugin as the border sees it; `#[plugin]` implements it.
///
/// The optional functions are constants, so that a table has no entry for what is not there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    note = "put `#[plugin(connection, name = \"…\")]` on its `impl` block"
)]
pub trait Exported: Sized + Send + Sync + 'static {
    /// What the plugin says of itself.
    const DESCRIPTOR: &'static PluginDescriptor;
    /// Undoes `start`, as far as dropping the plugin does not.
    const CLEANUP: Option<fn(&Self) -> Result<()>> = None;
    /// Lists the problems with parameters.
    const VALIDATE: Option<Check<Self>> = None;
    /// Whether the plugin has what it needs to work.
    const IS_CONFIGURED: Option<fn(&Self) -> Result<bool>> = None;
    /// Sets the plugin up.
    const CONFIGURE: Option<fn(&Self) -> Result<bool>> = None;
    /// Whether the plugin is well.
    const HEALTH: Option<fn(&Self) -> Result<bool>> = None;

    /// Writes what the plugin wants to remember.
    const SAVE_STATE: Option<fn(&Self) -> Result<Payload>> = None;
    /// Takes up what it remembers.
    const LOAD_STATE: Option<Taking<Self>> = None;
    /// Takes over another configuration.
    const RECONFIGURE: Option<Taking<Self>> = None;

    /// Makes a plugin that is ready.
    fn start(config: Tape<'_>) -> Result<Self>;

    /// Performs an action.
    fn invoke(&self, action: ActionIndex, params: Tape<'_>) -> Result<Payload>;

    /// Begins an async action; what it returns runs as a task.
    fn begin(self: Arc<Self>, action: ActionIndex, params: Tape<'_>) -> Result<Outcome> {
        let _ = params;
        Err(no_action(action))
    }

    /// Opens a stream; what it returns runs as a task.
    #[cfg(feature = "async")]
    fn open(self: Arc<Self>, action: ActionIndex, params: Tape<'_>) -> Result<Producer> {
        let _ = params;
        Err(no_action(action))
    }
}

/// What an async action comes to.
pub type Outcome = Pin<Box<dyn Future<Output = Result<Payload>> + Send>>;

/// Reads the configuration that `initialize` takes.
pub fn read_config<'t, T: Deserialize<'t>>(tape: Tape<'t>) -> Result<T> {
    tape.decode().map_err(|fault| fault.into_error(code::CONFIG, "config"))
}

/// Reads what a plugin remembers.
pub fn read_state<'t, T: Deserialize<'t>>(tape: Tape<'t>) -> Result<T> {
    tape.decode().map_err(|fault| fault.into_error(code::EXECUTION, "state"))
}

/// Reads an action's parameters.
#[inline]
pub fn read_params<'t, T: Deserialize<'t>>(tape: Tape<'t>) -> Result<T> {
    tape.decode().map_err(wrong_params)
}

/// Makes sure that an action without parameters gets none.
pub fn no_params(tape: Tape<'_>) -> Result<()> {
    if tape.is_nothing() {
        return Ok(());
    }
    Err(Error::invalid_params("params: the action takes none"))
}

/// The problems with parameters: that they cannot be read, or what `check` says of them.
pub fn read_problems<'t, T: Deserialize<'t>>(
    tape: Tape<'t>,
    check: impl FnOnce(&T) -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    match read_params::<T>(tape) {
        Ok(params) => check(&params),
        Err(error) => Ok(vec![error.message().to_owned()]),
    }
}

/// Refuses parameters in which the plugin's own check found problems.
pub fn refuse(problems: &[String]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_params(problems.join("; ")))
}

/// Writes an action's result.
#[inline]
pub fn encode_result<T: Serialize>(result: &T) -> Result<Payload> {
    Payload::encode(result).map_err(|fault| fault.into_error(code::EXECUTION, "result"))
}

/// An index that the descriptor does not have.
#[cold]
#[must_use]
pub fn no_action(action: ActionIndex) -> Error {
    Error::with_code(code::STATE, format!("it has no such action number {action}"))
}

#[cold]
fn wrong_params(fault: Fault) -> Error {
    fault.into_error(code::INVALID_PARAMS, "params")
}

/// The tables of a library's plugins, for [`FfiLibrary::plugins`].
#[derive(Debug)]
pub struct Tables<const N: usize> {
    /// In the order of the descriptor.
    pub plugins: [*const FfiPlugin; N],
}

// SAFETY: it points to immutable tables that live as long as the process.
unsafe impl<const N: usize> Sync for Tables<N> {}

/// The table of a library.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the table is a few dozen bytes")]
pub const fn library<const N: usize>(
    descriptor: &'static [u8],
    plugins: &'static Tables<N>,
) -> FfiLibrary {
    FfiLibrary {
        magic: MAGIC,
        size: size_of::<FfiLibrary>() as u32,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        descriptor: FfiSlice::new(descriptor),
        plugin_count: N,
        plugins: plugins.plugins.as_ptr(),
    }
}

/// What the entry symbol does: makes sure that this is a host that the library can work with.
///
/// # Safety
///
/// `host` is NULL or points to at least a host's magic, and to the whole table if that is right;
/// the table lives as long as the process. `error` is NULL or valid for writing.
pub unsafe fn handshake(
    host: *const FfiHost,
    error: *mut FfiError,
    library: &'static FfiLibrary,
) -> *const FfiLibrary {
    // SAFETY: as the caller promises.
    match unsafe { check_host(host) } {
        Ok(()) => {
            install_panic_hook();
            crate::host::set_host(host);
            #[cfg(feature = "tracing")]
            crate::tracing_layer::install();
            library
        }
        Err(why) => {
            // SAFETY: as the caller promises.
            unsafe { error::report(Error::with_code(code::STATE, why), error) };
            ptr::null()
        }
    }
}

/// # Safety
///
/// As for [`handshake`].
unsafe fn check_host(host: *const FfiHost) -> Result<(), String> {
    if host.is_null() {
        return Err("the host passed no table".to_owned());
    }
    // SAFETY: not NULL, so at least the magic is there.
    if unsafe { (*host).magic } != MAGIC {
        return Err("the host's table does not begin with the magic number".to_owned());
    }
    // SAFETY: the magic is right; these two follow it in every version of the table.
    let (size, major) = unsafe { ((*host).size as usize, (*host).abi_major) };
    if major != ABI_MAJOR {
        return Err(format!("the host speaks version {major} of the ABI, the library {ABI_MAJOR}"));
    }
    let needed = size_of::<FfiHost>();
    if size < needed {
        return Err(format!("the host's table has {size} bytes, and {needed} are needed"));
    }
    Ok(())
}

/// Exports the plugins of a library: `export!(Search, Similar);`, once, at the crate's root.
///
/// It emits the entry symbol, the tables, and the descriptor, which also stands in a section of
/// the binary where a host reads it without running the library's code.
#[macro_export]
macro_rules! export {
    ($($plugin:ty),+ $(,)?) => {
        #[allow(unsafe_code)]
        const _: () = {
            use $crate::__private as private;

            const LIBRARY: private::LibraryDescriptor = private::LibraryDescriptor {
                panic: if ::core::cfg!(panic = "unwind") { "unwind" } else { "abort" },
                plugins: &[$(<$plugin as private::Exported>::DESCRIPTOR),+],
            };
            const PLUGINS: usize = LIBRARY.plugins.len();

            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__zerepy"))]
            #[cfg_attr(
                not(any(target_vendor = "apple", windows)),
                unsafe(link_section = ".zerepy.plugin")
            )]
            static DESCRIPTOR: [u8; private::measure(&LIBRARY)] = private::render(&LIBRARY);

            static TABLES: private::Tables<PLUGINS> =
                private::Tables { plugins: [$(&const { private::table::<$plugin>() }),+] };

            static TABLE: private::FfiLibrary = private::library(&DESCRIPTOR, &TABLES);

            /// The entry point; see [`handshake`](private::handshake).
            ///
            /// # Safety
            ///
            /// The host passes what the ABI says.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn zerepy_plugin_entry_v1(
                host: *const private::FfiHost,
                error: *mut private::FfiError,
            ) -> *const private::FfiLibrary {
                // SAFETY: the host passes what the ABI says.
                unsafe { private::handshake(host, error, &TABLE) }
            }
        };
    };
}
