//! Finding plugins in directories, by their files' names alone: no code is run or imported.
//!
//! What is found is a candidate: whether there is a plugin in it shows only when it is loaded.

use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Failure, ManifestEntry, Stage};

mod body;
mod directory;
mod glance;
mod index;
mod lines;
mod listing;
mod preview;
mod units;

#[cfg(test)]
mod tests;

pub use glance::Glimpse;
use listing::Listing;
pub use preview::{Preview, preview};

/// Subdirectories of a plugin directory whose content is treated as its own.
const CATEGORY_DIRS: [&str; 2] = ["connections", "actions"];

/// What a plugin directory holds.
#[derive(Debug, Default)]
pub struct Scan {
    /// What may be a plugin, sorted by name within each directory.
    pub candidates: Vec<Candidate>,
    /// What cannot be one, though it looks like it.
    pub failures: Vec<Failure>,
    /// Whether there is no such directory; everything else is empty then.
    pub missing: bool,
}

/// Some code that may hold plugins.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The file or directory that the plugin is, for messages.
    pub path: PathBuf,
    /// The plugin directory it was found in.
    pub root: PathBuf,
    /// Where its code is.
    pub unit: Unit,
    /// What its manifest says of this code, if it has one.
    pub manifest: Option<CandidateManifest>,
}

/// Where a candidate's code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A Python module: one file.
    Module(PathBuf),
    /// A Python package.
    Package {
        /// Its directory.
        dir: PathBuf,
        /// Which of `__init__.py` and `plugin.py` there are, in this order; at least one.
        code: Vec<PathBuf>,
    },
    /// A shared library.
    Library(PathBuf),
}

/// The part of a manifest that is about one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateManifest {
    /// The manifest's file.
    pub path: PathBuf,
    /// Its entries for the candidate's code; at least one.
    pub entries: Vec<ManifestEntry>,
}

/// Looks for plugins in `dir`. What is wrong with one of them never hides the others.
///
/// Found are `x.py`, packages `x/` (with `__init__.py` or `plugin.py`), shared libraries, `x/` with
/// a manifest and its code, and all of these again in `connections/` and `actions/`. Names that
/// begin with `_` or `.` and Python's test files are passed over.
#[must_use]
pub fn scan(dir: &Path) -> Scan {
    let mut scan = Scan::default();
    match Listing::read(dir) {
        Ok(listing) => directory::scan(&listing, dir, &mut scan),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => scan.missing = true,
        Err(error) => scan.fail(dir, unreadable(dir, error)),
    }
    scan
}

impl Scan {
    /// Records that what is at `path` cannot be a plugin.
    fn fail(&mut self, path: &Path, error: Error) {
        let stage = match error.kind() {
            ErrorKind::Config => Stage::Validate,
            _ => Stage::Discover,
        };
        self.failures.push(Failure {
            stage,
            plugin: error.plugin().map(str::to_owned).or_else(|| listing::plugin_name(path)),
            origin: path.display().to_string(),
            error,
        });
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Load, format!("{} cannot be read: {error}", path.display()))
        .with_hint("Check that it exists and that you may read it")
        .with_source(error)
}
