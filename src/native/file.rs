//! Reading a library's file, once: what is checked, copied and loaded are the same bytes.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::Path;

use crate::refusal::{Refusal, Result};

/// Larger files are refused: no library comes near, and the content is held in memory.
const MAX_BYTES: u64 = 1 << 30;

/// The content of the regular file at `path`, and the metadata of what was read.
pub(crate) fn read(path: &Path) -> Result<(Vec<u8>, Metadata)> {
    let failed = |error| Refusal::load(format!("the file cannot be read: {error}"));
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(Refusal::load("it is a directory")
            .hint("Give the path of the library in it, which ends in \".so\""));
    }
    if !metadata.is_file() {
        return Err(Refusal::load("it is not a regular file"));
    }
    if metadata.len() == 0 {
        return Err(Refusal::load("the file is empty")
            .hint("A build or a copy was probably interrupted; build or copy it again"));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    // A byte more than it has: so that a read can say that there is no more.
    let bytes = usize::try_from(metadata.len().min(MAX_BYTES) + 1).unwrap_or(0);
    let mut content = Vec::with_capacity(bytes);
    file.take(MAX_BYTES + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(Refusal::load(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    Ok((content, metadata))
}
