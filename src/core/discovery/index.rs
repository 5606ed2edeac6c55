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
const FORMAT: u32 = 1;
/// A file that changed less than this before it was read may change again without a trace.
const SETTLED: Duration = Duration::from_secs(2);
/// Larger files are not looked at.
const MAX_SOURCE_BYTES: usize = 1 << 20;

/// The index of one plugin directory.
pub(super) struct Index {
    file: Option<PathBuf>,
    root: PathBuf,
    before: HashMap<PathBuf, Entry>,
    now: HashMap<PathBuf, Entry>,
    has_news: bool,
    buffer: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    root: PathBuf,
    entries: HashMap<PathBuf, Entry>,
}

/// The state of a file, whether it is one of a package's, and what was seen in it.
#[derive(Serialize, Deserialize)]
struct Entry(State, bool, Seen);

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
            now: HashMap::new(),
            has_news: false,
            buffer: Vec::new(),
        }
    }

    /// What there is to see in the source at `path`.
    pub(super) fn look_at(&mut self, path: &Path, is_package: bool) -> Seen {
        if let Some(entry) = self.before.remove(path)
            && entry.1 == is_package
            && fs::metadata(path).is_ok_and(|it| State::of(&it).as_ref() == Some(&entry.0))
        {
            let seen = entry.2.clone();
            self.now.insert(path.to_owned(), entry);
            return seen;
        }
        let Some((source, metadata)) = self.read(path) else { return Seen::Unsure };
        let seen = glance(&source, is_package);
        self.buffer = source;
        if self.file.is_some()
            && let Some(state) = State::of(&metadata).filter(State::is_settled)
        {
            self.now.insert(path.to_owned(), Entry(state, is_package, seen.clone()));
            self.has_news = true;
        }
        seen
    }

    /// A file's content and state; `None` if it cannot be read, is too large, or is being changed.
    fn read(&mut self, path: &Path) -> Option<(Vec<u8>, Metadata)> {
        let mut file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        let length = usize::try_from(metadata.len()).ok().filter(|it| *it <= MAX_SOURCE_BYTES)?;
        let mut content = std::mem::take(&mut self.buffer);
        content.resize(length + 1, 0); // a byte more than there is, so that one read tells the end
        let read = file.read(&mut content).ok()?;
        content.truncate(read);
        (read == length).then_some((content, metadata))
    }

    /// Keeps what was seen, if it is something new. That it cannot be kept, costs time only.
    pub(super) fn save(self) {
        let Some(file) = self.file.filter(|_| self.has_news || !self.before.is_empty()) else {
            return;
        };
        let kept = Kept { format: FORMAT, root: self.root, entries: self.now };
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
