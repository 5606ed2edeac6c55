//! What the candidates of a scan hold, as far as that can be told without running their code.

use std::path::Path;

use super::glance::{Glimpse, Seen};
use super::index::Index;
use super::{Candidate, Scan, Unit};

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
    let mut index = Index::open(root, index);
    let previews = scan.candidates.iter().map(|candidate| of(candidate, &mut index)).collect();
    index.save();
    previews
}

fn of(candidate: &Candidate, index: &mut Index) -> Preview {
    let (path, is_package) = match &candidate.unit {
        Unit::Module(path) => (path, false),
        Unit::Package { code, .. } if code.len() == 1 => (&code[0], true),
        Unit::Package { .. } | Unit::Library(_) => return Preview::Unsure,
    };
    let seen = match index.look_at(path, is_package) {
        Seen::Plugin(glimpse) => vec![glimpse],
        Seen::Nothing => Vec::new(),
        Seen::Unsure => return Preview::Unsure,
    };
    if agrees(candidate, &seen) { Preview::Known(seen) } else { Preview::Unsure }
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
