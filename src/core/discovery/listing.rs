//! One directory, read once: the names in it that may matter, and which are directories.

use std::collections::BTreeMap;
use std::env::consts::DLL_EXTENSION;
use std::fs::{DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

/// What is in a directory, sorted by name.
pub(super) struct Listing {
    pub(super) dir: PathBuf,
    items: BTreeMap<String, Item>,
}

/// What stands behind a name.
pub(super) enum Item {
    File,
    Directory {
        /// Whether it is a link to a directory elsewhere.
        linked: bool,
    },
    /// A link to nothing, something that may not be looked at, or a pipe or the like.
    Unreadable,
}

/// What a file is, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Python,
    Library,
    Other,
}

impl Listing {
    /// Reads `dir`. Names that are not UTF-8 cannot be plugins and are passed over.
    pub(super) fn read(dir: &Path) -> io::Result<Self> {
        let mut items = BTreeMap::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                items.insert(name, Item::of(&entry));
            }
        }
        Ok(Self { dir: dir.to_owned(), items })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.items.iter().map(|(name, item)| (name.as_str(), item))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Those of `names` that are files here.
    pub(super) fn files_called(&self, names: &[&str]) -> Vec<PathBuf> {
        names
            .iter()
            .filter(|name| matches!(self.items.get(**name), Some(Item::File)))
            .map(|name| self.path(name))
            .collect()
    }

    /// The names of the shared libraries here.
    pub(super) fn libraries(&self) -> Vec<&str> {
        self.iter()
            .filter(|(name, item)| {
                matches!(item, Item::File)
                    && !is_passed_over(name)
                    && FileKind::of(name) == FileKind::Library
            })
            .map(|(name, _)| name)
            .collect()
    }
}

impl Item {
    fn of(entry: &DirEntry) -> Self {
        let file_type = entry.file_type();
        // The type comes with the name, for free; only a link has to be followed.
        let linked = file_type.as_ref().is_ok_and(FileType::is_symlink);
        let target = if linked {
            std::fs::metadata(entry.path()).map(|target| target.file_type())
        } else {
            file_type
        };
        match target {
            Ok(target) if target.is_dir() => Self::Directory { linked },
            Ok(target) if target.is_file() => Self::File,
            _ => Self::Unreadable,
        }
    }
}

impl FileKind {
    pub(super) fn of(name: &str) -> Self {
        match Path::new(name).extension().and_then(|extension| extension.to_str()) {
            Some("py") => Self::Python,
            Some(extension) if extension == DLL_EXTENSION => Self::Library,
            _ => Self::Other,
        }
    }
}

/// Whether a name is private, hidden, or that of pytest's configuration. Other test files are not
/// passed over: a plugin may well be called `test_something`.
pub(super) fn is_passed_over(name: &str) -> bool {
    name.starts_with(['_', '.']) || name == "conftest.py"
}

/// What a plugin at `path` is probably called.
pub(super) fn plugin_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let is_code = FileKind::of(name) != FileKind::Other;
    let name = if is_code { path.file_stem()?.to_str()? } else { name };
    Some(name.to_owned())
}
