//! What a library is and declares, found out without running any of its code.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zerepy_core::{PluginInfo, Result};

use crate::cache::{self, Address};
use crate::descriptor::{self, Descriptor, Encoding, Panic};
use crate::{elf, file, refusal, trust};

/// What a library declares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LibraryInfo {
    /// Where it was read from.
    pub path: PathBuf,
    /// What it was built with, such as `zerepy-plugin 0.1.0`, if it says so.
    pub sdk: Option<String>,
    /// The version of the plugin ABI that it speaks: major, minor.
    pub abi: (u16, u16),
    /// What a panic in it does.
    pub panic: Panic,
    /// How the values are laid out that it gets and gives.
    pub encoding: Encoding,
    /// What names this very content: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Its plugins, in its own order; never empty.
    pub plugins: Vec<PluginInfo>,
}

/// Reads what the library at `path` declares. No code of it runs, and nothing of it is trusted.
///
/// # Errors
/// `Load` if it is not a plugin library for this machine, or is damaged; `Abi` if it is built for
/// another version of the plugin ABI. Each says what to do.
pub fn inspect(path: &Path) -> Result<LibraryInfo> {
    file::read(path)
        .and_then(|(content, _)| Inspected::new(path, content))
        .map(|inspected| inspected.info)
        .map_err(|refusal| refusal.at(path))
}

/// A library that passed all checks that can be made without loading it.
pub(crate) struct Inspected {
    pub(crate) info: LibraryInfo,
    /// The descriptor's section, padding included.
    pub(crate) descriptor: Vec<u8>,
    /// The whole file.
    pub(crate) content: Vec<u8>,
    pub(crate) address: Address,
}

impl Inspected {
    pub(crate) fn new(path: &Path, content: Vec<u8>) -> refusal::Result<Self> {
        let descriptor = elf::descriptor(&content)?.to_vec();
        let Descriptor { abi, panic, encoding, sdk, plugins } =
            descriptor::parse(descriptor::trim(&descriptor))?;
        let abi = (abi.major, abi.minor);
        let address = cache::address(&content);
        let digest = trust::digest(&address);
        let path = path.to_owned();
        let info = LibraryInfo { path, sdk, abi, panic, encoding, digest, plugins };
        Ok(Self { info, descriptor, content, address })
    }
}
