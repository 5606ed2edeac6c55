//! What the candidates of a scan hold, as far as that can be told without running their code.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

use super::glance::{Glimpse, Seen};
use super::index::{Entry, Index};
use super::{Candidate, Scan, Unit};

/// From how many candidates on another thread is worth its start.
const MANY: usize = 64;

/// What is known of a candidate before it is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// It holds these plugins; none if it just is no plugin.
    Known(Vec<Glimpse>),
    /// Only importing it can tell, or inspecting it, if it is a library.
    Unsure,
}

/// Looks at the candidates of a scan of `root`, in their order.
///
/// What is seen is kept in a file in the folder `index`, to which nobody else may be able to write:
/// then an unchanged source need not be read again. Without it, or if it cannot be used, all are.
#[must_use]
pub fn preview(scan: &Scan, root: &Path, index: Option<&Path>) -> Vec<Preview> {
    let index = Index::open(root, index);
    let (mut previews, mut entries) = (Vec::new(), HashMap::new());
    for (preview, entry) in all(&scan.candidates, &index) {
        previews.push(preview);
        entries.extend(entry);
    }
    index.save(entries);
    previews
}

/// What is known of a candidate, and what to keep of it.
type Found = (Preview, Option<(PathBuf, Entry)>);

/// Looks at all candidates, on two threads if there are many: most of it is waiting for files.
fn all(candidates: &[Candidate], index: &Index) -> Vec<Found> {
    let these = |some: &[Candidate]| -> Vec<Found> {
        let mut buffer = Vec::new();
        some.iter().map(|candidate| of(candidate, index, &mut buffer)).collect()
    };
    if candidates.len() < MANY {
        return these(candidates);
    }
    let (first, rest) = candidates.split_at(candidates.len() / 2);
    std::thread::scope(|threads| {
        let other = std::thread::Builder::new().spawn_scoped(threads, || these(first));
        let second = these(rest);
        let mut found = match other.map(ScopedJoinHandle::join) {
            Ok(Ok(found)) => found,
            _ => these(first), // there is no other thread to be had
        };
        found.extend(second);
        found
    })
}

fn of(candidate: &Candidate, index: &Index, buffer: &mut Vec<u8>) -> Found {
    let (path, is_package) = match &candidate.unit {
        Unit::Module(path) => (path, false),
        Unit::Package { code, .. } if code.len() == 1 => (&code[0], true),
        Unit::Package { .. } | Unit::Library(_) => return (Preview::Unsure, None),
    };
    let (seen, entry) = index.look_at(path, is_package, buffer);
    let known = match seen {
        Seen::Plugin(glimpse) => Some(vec![glimpse]),
        Seen::Nothing => Some(Vec::new()),
        Seen::Unsure => None,
    };
    let known = known.filter(|plugins| agrees(candidate, plugins));
    (known.map_or(Preview::Unsure, Preview::Known), entry.map(|entry| (path.clone(), entry)))
}

/// Whether the manifest, if there is one, is about just that; what is wrong is said at the import.
fn agrees(candidate: &Candidate, seen: &[Glimpse]) -> bool {
    let Some(manifest) = &candidate.manifest else { return true };
    match (manifest.entries.as_slice(), seen) {
        ([entry], [glimpse]) => {
            entry.name == glimpse.name
                && entry.version.as_ref().is_none_or(|version| *version == glimpse.version)
                && entry.category.is_none_or(|category| category == glimpse.category)
        }
        _ => false,
    }
}
