//! What was seen in sources before, kept for as long as they do not change.
//!
//! It is a memory, never an authority: each file is asked for its state every time, and whatever is
//! odd about the index itself makes it worth nothing.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::glance::{Seen, glance};

/// To be increased with every change of what a glance sees, or of how it is kept.
const FORMAT: u32 = 2;
/// A file that changed less than this before it was read may change again without a trace.
const SETTLED: Duration = Duration::from_secs(2);
/// Larger files are not looked at.
const MAX_SOURCE_BYTES: usize = 1 << 20;

/// The index of one plugin directory.
pub(super) struct Index {
    file: Option<PathBuf>,
    root: PathBuf,
    before: HashMap<PathBuf, Entry>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    root: PathBuf,
    entries: HashMap<PathBuf, Entry>,
}

/// The state of a file, whether it is one of a package's, and what was seen in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry(State, bool, Seen);

/// What tells whether a file is the one it was: when it was modified and last changed (which cannot
/// be set by hand) in nanoseconds, its size, and its number.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State(u64, u64, u64, u64);

impl Index {
    /// The index of `root` in `folder`; empty if there is none, or it cannot be used.
    pub(super) fn open(root: &Path, folder: Option<&Path>) -> Self {
        let mut hasher = DefaultHasher::new();
        root.hash(&mut hasher);
        let file = folder.map(|folder| folder.join(format!("{:016x}.json", hasher.finish())));
        let kept = file.as_ref().and_then(|file| fs::read(file).ok());
        let kept = kept.and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
        let kept = kept.filter(|kept| kept.format == FORMAT && kept.root == root);
        Self {
            file,
            root: root.to_owned(),
            before: kept.map(|kept| kept.entries).unwrap_or_default(),
        }
    }

    /// What there is to see in the source at `path`, and what to keep of that. From any thread;
    /// `buffer` is the thread's own.
    pub(super) fn look_at(
        &self,
        path: &Path,
        is_package: bool,
        buffer: &mut Vec<u8>,
    ) -> (Seen, Option<Entry>) {
        if let Some(entry) = self.before.get(path)
            && entry.1 == is_package
            && fs::metadata(path).is_ok_and(|it| State::of(&it).as_ref() == Some(&entry.0))
        {
            return (entry.2.clone(), Some(entry.clone()));
        }
        let Some(metadata) = read(path, buffer) else { return (Seen::Unsure, None) };
        let seen = glance(buffer, is_package);
        let state = State::of(&metadata).filter(State::is_settled);
        let entry = state.map(|state| Entry(state, is_package, seen.clone()));
        (seen, entry)
    }

    /// Keeps what was seen, if it is something new. That it cannot be kept, costs time only.
    pub(super) fn save(self, entries: HashMap<PathBuf, Entry>) {
        let Some(file) = self.file.filter(|_| entries != self.before) else { return };
        let kept = Kept { format: FORMAT, root: self.root, entries };
        let write = || {
            let mut part = NamedTempFile::new_in(file.parent()?).ok()?;
            part.write_all(&serde_json::to_vec(&kept).ok()?).ok()?;
            part.persist(&file).ok()
        };
        if write().is_none() {
            tracing::debug!("the index {} cannot be written", file.display());
        }
    }
}

/// Reads a file into `content`; `None` if it cannot be read, is too large, or is being changed.
fn read(path: &Path, content: &mut Vec<u8>) -> Option<Metadata> {
    let mut file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    let length = usize::try_from(metadata.len()).ok().filter(|it| *it <= MAX_SOURCE_BYTES)?;
    content.resize(length + 1, 0); // a byte more than there is, so that one read tells the end
    let bytes = file.read(content).ok()?;
    content.truncate(bytes);
    (bytes == length).then_some(metadata)
}

impl State {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;

        let nanoseconds = |seconds: i64, rest: i64| {
            u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add_signed(rest)
        };
        Some(Self(
            nanoseconds(metadata.mtime(), metadata.mtime_nsec())?,
            nanoseconds(metadata.ctime(), metadata.ctime_nsec())?,
            metadata.size(),
            metadata.ino(),
        ))
    }

    #[cfg(not(unix))]
    const fn of(_metadata: &Metadata) -> Option<Self> {
        None // no time that tells every change
    }

    /// Whether a change from now on will show.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(Duration::from_nanos(self.1)) > SETTLED
    }
}
