//! A plugin directory: each name in it is a plugin, a category's directory, or nothing to us.

use std::path::{Path, PathBuf};

use super::listing::{FileKind, Item, Listing, is_passed_over};
use super::{CATEGORY_DIRS, Candidate, Scan, Unit, units, unreadable};
use crate::{Error, ErrorKind};

/// Adds all that is in the plugin directory `root`, which `listing` is of.
pub(super) fn scan(listing: &Listing, root: &Path, scan: &mut Scan) {
    level(listing, root, true, scan);
}

/// Adds what is in `listing`, the plugin directory `root` itself or a category's part of it.
fn level(listing: &Listing, root: &Path, is_root: bool, scan: &mut Scan) {
    if is_root && units::has_manifest(listing) {
        // The directory of a single plugin was given.
        return units::add(listing, root, scan);
    }
    for (name, item) in listing.iter().filter(|(name, _)| !is_passed_over(name)) {
        let path = listing.path(name);
        match (item, FileKind::of(name)) {
            (Item::Directory { linked }, _) => {
                if *linked && leads_back(&path, root) {
                    scan.fail(&path, leading_back(&path));
                } else {
                    let may_be_category = is_root && CATEGORY_DIRS.contains(&name);
                    directory(&path, root, may_be_category, scan);
                }
            }
            (Item::File, FileKind::Python) => {
                scan.candidates.push(single(path.clone(), root, Unit::Module(path)));
            }
            (Item::File, FileKind::Library) => {
                scan.candidates.push(single(path.clone(), root, Unit::Library(path)));
            }
            (Item::Unreadable, kind) if kind != FileKind::Other || path.extension().is_none() => {
                // Asked again to hear why; of a pipe or the like there is nothing to say.
                if let Err(error) = path.metadata() {
                    scan.fail(&path, unreadable(&path, error));
                }
            }
            (Item::File | Item::Unreadable, _) => {}
        }
    }
}

fn single(path: PathBuf, root: &Path, unit: Unit) -> Candidate {
    Candidate { path, root: root.to_owned(), unit, manifest: None }
}

fn directory(path: &Path, root: &Path, may_be_category: bool, scan: &mut Scan) {
    match Listing::read(path) {
        Err(error) => scan.fail(path, unreadable(path, error)),
        Ok(listing) if may_be_category && !units::is_plugin(&listing) => {
            level(&listing, root, false, scan);
        }
        Ok(listing) => units::add(&listing, root, scan),
    }
}

/// Whether a link leads to the plugin directory or one that contains it.
fn leads_back(link: &Path, root: &Path) -> bool {
    match (link.canonicalize(), root.canonicalize()) {
        (Ok(target), Ok(root)) => root.starts_with(target),
        _ => false,
    }
}

fn leading_back(path: &Path) -> Error {
    let message = format!("{} is a link to a directory that contains it", path.display());
    Error::new(ErrorKind::Load, message).with_hint("Remove the link")
}
