//! Loading a library: once for each content, from a private copy, for as long as the process.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use libloading::os::unix::{Library as Code, RTLD_LOCAL, RTLD_NOW};
use parking_lot::Mutex;
use zerepy_core::{Error, ErrorKind, Result};

use crate::cache::{self, Address};
use crate::handshake::{self, Functions};
use crate::inspect::Inspected;
use crate::refusal::{self, Refusal};
use crate::{Instance, LibraryInfo, Trust, file, fork};

/// A loaded library. It is shared by all who load the same content, and never unloaded.
#[derive(Debug)]
pub struct Library {
    info: LibraryInfo,
    plugins: Vec<Functions>, // in the order of `info.plugins`
    _code: Code,
}

/// Loads the library at `path`, or returns the one loaded before with the same content, whatever
/// file that was in. Later changes to the file have no effect on it.
///
/// This runs code of the library. Loading is one at a time in a process, so do not hold a lock, or
/// Python's GIL, that a library might wait for.
///
/// # Errors
/// Those of [`inspect`](crate::inspect); `Trust` if it may not be loaded; `Load` or `Abi` if the dynamic linker refuses it, it
/// refuses this host, or it is not what its descriptor says.
pub fn load(path: &Path, trust: &Trust) -> Result<Arc<Library>> {
    load_file(path, trust).map_err(|refusal| refusal.at(path))
}

fn load_file(path: &Path, trust: &Trust) -> refusal::Result<Arc<Library>> {
    static LOADED: LazyLock<Mutex<HashMap<Address, Arc<Library>>>> = LazyLock::new(Mutex::default);
    let (content, metadata) = file::read(path)?;
    let inspected = Inspected::new(path, content)?;
    let address = inspected.address;
    trust.check(path, &metadata, &address)?;
    let mut loaded = LOADED.lock();
    if let Some(library) = loaded.get(&address) {
        return Ok(Arc::clone(library));
    }
    fork::watch();
    let library = Arc::new(Library::open(inspected)?);
    loaded.insert(address, Arc::clone(&library));
    Ok(library)
}

impl Library {
    /// What it declares; `path` is where it was first loaded from.
    #[must_use]
    pub const fn info(&self) -> &LibraryInfo {
        &self.info
    }

    /// The optional methods that the plugin at that place has, of those that an instance may lack.
    #[must_use]
    pub fn offers(&self, plugin: usize) -> Vec<&'static str> {
        let Some(functions) = self.plugins.get(plugin) else { return Vec::new() };
        let optional = [
            ("save_state", functions.save_state.is_some()),
            ("load_state", functions.load_state.is_some()),
            ("reconfigure", functions.reconfigure.is_some()),
        ];
        optional.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
    }

    /// Makes an instance of the plugin at that place in [`LibraryInfo::plugins`], not initialized.
    ///
    /// # Errors
    /// What the plugin answers; `NotFound` if there are not so many.
    pub fn create(self: &Arc<Self>, plugin: usize) -> Result<Instance> {
        let Some(&functions) = self.plugins.get(plugin) else {
            let (path, count) = (self.info.path.display(), self.plugins.len());
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("\"{path}\" has no plugin number {plugin}; it has {count}"),
            ));
        };
        Instance::create(Arc::clone(self), plugin, functions)
    }

    fn open(inspected: Inspected) -> refusal::Result<Self> {
        const FLAGS: i32 = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE;
        let copy = cache::store(&inspected.content, &inspected.address)?;
        // SAFETY: the library's own initializers are code that the user asked to run; the copy was
        // checked, and nobody else can change it.
        let code = unsafe { Code::open(Some(&copy), FLAGS) }.map_err(|error| unlinkable(&error))?;
        // SAFETY: `RTLD_NODELETE` keeps the library for ever; that it follows the ABI it claims to
        // is what loading native code means.
        let plugins = unsafe { handshake::shake(&code, &inspected)? };
        Ok(Self { info: inspected.info, plugins, _code: code })
    }
}

/// What the dynamic linker said, with the whole chain of causes.
fn unlinkable(error: &dyn StdError) -> Refusal {
    let mut reason = format!("the dynamic linker refuses it: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = error.source();
    }
    let hint = if reason.contains("undefined symbol") {
        "It uses a symbol that nothing provides; link it with the library that does"
    } else if reason.contains("cannot open shared object") {
        "Install the library it depends on, or build the plugin without it"
    } else if reason.contains("failed to map") {
        "Point TMPDIR to a directory from which programs may be run"
    } else {
        "Build it again on this machine, or for its version of the system"
    };
    Refusal::load(reason).hint(hint)
}
