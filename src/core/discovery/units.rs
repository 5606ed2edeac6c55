//! A directory that is a plugin: which code is in it, and what its manifest says of that code.

use std::path::{Path, PathBuf};

use super::listing::{FileKind, Listing, plugin_name};
use super::{Candidate, CandidateManifest, Scan, Unit, unreadable};
use crate::names::suggestion;
use crate::{Error, ErrorKind, Manifest, ManifestEntry, Owner, Result};

/// The files that may hold the code of a package.
const PACKAGE_FILES: [&str; 2] = ["__init__.py", "plugin.py"];
/// The files that may be a manifest.
const MANIFEST_FILES: [&str; 2] = ["plugin.json", "plugin.toml"];

pub(super) fn has_manifest(listing: &Listing) -> bool {
    !listing.files_called(&MANIFEST_FILES).is_empty()
}

/// Whether the directory is a plugin by itself, whatever else is in it.
pub(super) fn is_plugin(listing: &Listing) -> bool {
    has_manifest(listing) || !listing.files_called(&PACKAGE_FILES).is_empty()
}

/// Adds the plugins that the directory is, which may be none.
pub(super) fn add(listing: &Listing, root: &Path, scan: &mut Scan) {
    match listing.files_called(&MANIFEST_FILES).as_slice() {
        [] => {
            let units = without_manifest(listing).into_iter();
            scan.candidates.extend(units.map(|unit| candidate(listing, root, unit, None)));
        }
        [path] => match Manifest::read(path, Owner::Plugin) {
            Ok(manifest) => add_declared(listing, root, path, manifest, scan),
            Err(error) => scan.fail(path, named_after(&listing.dir, error)),
        },
        _ => {
            let both = format!("{} has both plugin.json and plugin.toml", listing.dir.display());
            let error = Error::new(ErrorKind::Config, both).with_hint("Keep one of the two");
            scan.fail(&listing.dir, error);
        }
    }
}

/// Adds a candidate for each piece of code that the manifest is about.
fn add_declared(listing: &Listing, root: &Path, path: &Path, manifest: Manifest, scan: &mut Scan) {
    let mut declared: Vec<(Unit, Vec<ManifestEntry>)> = Vec::new();
    for entry in manifest.entries {
        let unit = match &entry.entry {
            Some(file) => named_unit(listing, file),
            None => only_unit(listing),
        };
        match unit {
            Ok(unit) => match declared.iter_mut().find(|(known, _)| *known == unit) {
                Some((_, entries)) => entries.push(entry),
                None => declared.push((unit, vec![entry])),
            },
            Err(error) => {
                let origin = path.display();
                let message =
                    format!("{origin} is about {:?}, but {}", entry.name, error.message());
                let hint = error.hint().unwrap_or_default();
                let error = Error::new(ErrorKind::Config, message).with_hint(hint);
                scan.fail(path, error.with_plugin(&entry.name));
            }
        }
    }
    scan.candidates.extend(declared.into_iter().map(|(unit, entries)| {
        let manifest = CandidateManifest { path: path.to_owned(), entries };
        candidate(listing, root, unit, Some(manifest))
    }));
}

/// As long as a plugin's name is not known, its directory's stands for it.
fn named_after(dir: &Path, error: Error) -> Error {
    match plugin_name(dir) {
        Some(name) => error.with_plugin(name),
        None => error,
    }
}

fn candidate(
    listing: &Listing,
    root: &Path,
    unit: Unit,
    manifest: Option<CandidateManifest>,
) -> Candidate {
    Candidate { path: listing.dir.clone(), root: root.to_owned(), unit, manifest }
}

fn package(listing: &Listing) -> Option<Unit> {
    let code = listing.files_called(&PACKAGE_FILES);
    (!code.is_empty()).then(|| Unit::Package { dir: listing.dir.clone(), code })
}

/// The code in a directory that says nothing of itself. Libraries inside a Python package are the
/// package's own business.
fn without_manifest(listing: &Listing) -> Vec<Unit> {
    package(listing).map_or_else(|| libraries(listing), |package| vec![package])
}

fn libraries(listing: &Listing) -> Vec<Unit> {
    listing.libraries().into_iter().map(|name| Unit::Library(listing.path(name))).collect()
}

/// The code of an entry that does not say which file it is in.
fn only_unit(listing: &Listing) -> Result<Unit> {
    let mut units = without_manifest(listing);
    if units.len() == 1 {
        return Ok(units.remove(0));
    }
    Err(if units.is_empty() {
        Error::new(ErrorKind::Config, "there is no code beside it").with_hint(
            "Put plugin.py, __init__.py or the shared library (was it built?) into the directory",
        )
    } else {
        let names = listing.libraries().join(", ");
        Error::new(ErrorKind::Config, format!("there are several libraries beside it: {names}"))
            .with_hint("Say which one with \"entry\"")
    })
}

/// The code in the file that an entry names.
fn named_unit(listing: &Listing, file: &Path) -> Result<Unit> {
    let shown = file.display();
    let path = inside(listing, file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let own_file = file.parent() == Some(Path::new(""));
    match FileKind::of(&name) {
        FileKind::Python if own_file && PACKAGE_FILES.contains(&&*name) => {
            Ok(package(listing).unwrap_or(Unit::Module(path)))
        }
        FileKind::Python => Ok(Unit::Module(path)),
        FileKind::Library => Ok(Unit::Library(path)),
        FileKind::Other => {
            let message = format!("its \"entry\" {shown} is neither a Python file nor a library");
            let extension = std::env::consts::DLL_EXTENSION;
            Err(Error::new(ErrorKind::Config, message)
                .with_hint(format!("Name a file that ends in .py or .{extension}")))
        }
    }
}

/// The path of a file below the directory, also once links are followed.
fn inside(listing: &Listing, file: &Path) -> Result<PathBuf> {
    let path = listing.dir.join(file);
    let real = path.canonicalize().map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            let names = listing.iter().map(|(name, _)| name);
            let names = names.filter(|name| FileKind::of(name) != FileKind::Other);
            let hint = suggestion(&file.to_string_lossy(), names);
            let message = format!("its \"entry\" {} is not there", file.display());
            Error::new(ErrorKind::Config, message).with_hint(hint)
        } else {
            unreadable(&path, error)
        }
    })?;
    let dir = listing.dir.canonicalize().map_err(|error| unreadable(&listing.dir, error))?;
    if real.starts_with(&dir) {
        return Ok(path);
    }
    let message = format!("its \"entry\" {} leads out of the directory", file.display());
    Err(Error::new(ErrorKind::Config, message)
        .with_hint("Put the file itself there, not a link to one elsewhere"))
}
