//! Private copies of libraries, named after their content.
//!
//! A loaded file must never change: writing into it is a SIGBUS, and the dynamic linker takes a
//! file replaced under the same name for the one it knows. So the copy is what is loaded.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::refusal::{Refusal, Result};

/// How long a copy is kept after it was last asked for.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How old the note of that may be: it need not be written at each start.
const RENEWED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The hash of a library's content; what has the same address is the same library.
pub(crate) type Address = [u8; 32];

/// The address of `content`.
pub(crate) fn address(content: &[u8]) -> Address {
    Sha256::digest(content).into()
}

/// An address in lower-case digits.
pub(crate) fn hexadecimal(address: &Address) -> String {
    address.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}

/// The path of the private copy of `content`, which is made unless it is there already.
pub(crate) fn store(content: &[u8], address: &Address) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("zerepy-plugins-{}", user()));
    store_in(&folder, content, address).map_err(|error| {
        Refusal::load(format!("no private copy can be made in \"{}\": {error}", folder.display()))
            .hint("Point TMPDIR to a directory that only you can write to")
    })
}

fn store_in(folder: &Path, content: &[u8], address: &Address) -> io::Result<PathBuf> {
    make_private(folder)?;
    let copy = folder.join(hexadecimal(address)).with_extension("so");
    if let Some(metadata) = intact(&copy, content) {
        let age = metadata.modified()?.elapsed();
        if age.is_ok_and(|age| age > RENEWED_AFTER) {
            File::open(&copy)?.set_modified(SystemTime::now())?;
        }
        Ok(copy)
    } else {
        forget_old(folder);
        write(&copy, content).map(|()| copy)
    }
}

/// Removes copies that nobody asked for in a long time; whoever still runs one keeps it.
fn forget_old(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|found| found.modified()).map(|then| then.elapsed());
        if age.is_ok_and(|age| age.is_ok_and(|age| age > MAX_AGE)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes `folder`, or makes sure that it belongs to this user and nobody else may enter it.
///
/// # Errors
/// It cannot be made, or it is not so.
pub fn make_private(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(folder)?;
    let is_private = metadata.permissions().mode() & 0o777 == 0o700;
    if metadata.is_dir() && metadata.uid() == user() && is_private {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::PermissionDenied,
        "it belongs to others, or they can write to it",
    ))
}

/// The metadata of the copy, if it is one of `content`.
fn intact(copy: &Path, content: &[u8]) -> Option<Metadata> {
    let metadata = fs::symlink_metadata(copy).ok()?;
    let is_own = metadata.is_file() && metadata.uid() == user();
    let is_same = is_own && metadata.len() == content.len() as u64;
    (is_same && fs::read(copy).is_ok_and(|found| found == content)).then_some(metadata)
}

/// Writes under another name and renames, so that the copy is whole or not there.
fn write(copy: &Path, content: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Not even processes of other containers on the same folder may meet under this name.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let unique = format!("{process}-{next}-{now}.part");
    let part = copy.with_extension(unique);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(&part)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&part, copy));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// The user this process acts as.
pub(crate) fn user() -> u32 {
    // SAFETY: it only returns a number, and cannot fail.
    unsafe { libc::geteuid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_reused_only_if_intact() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("copies");
        let content = b"content".as_slice();
        let copy = store_in(&folder, content, &address(content)).unwrap();
        let inode = fs::metadata(&copy).unwrap().ino();
        assert_eq!(store_in(&folder, content, &address(content)).unwrap(), copy);
        assert_eq!(fs::metadata(&copy).unwrap().ino(), inode);

        fs::remove_file(&copy).unwrap();
        fs::write(&copy, b"changed").unwrap(); // the same length
        store_in(&folder, content, &address(content)).unwrap();
        assert_eq!(fs::read(&copy).unwrap(), content);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1); // no parts are left
    }

    #[test]
    fn copies_are_forgotten_when_nobody_asks_for_them() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("copies");
        let old = SystemTime::now() - MAX_AGE - Duration::from_secs(60);
        let copies = [b"a", b"b"].map(|content| {
            let copy = store_in(&folder, content, &address(content)).unwrap();
            File::open(&copy).unwrap().set_modified(old).unwrap();
            copy
        });
        store_in(&folder, b"a", &address(b"a")).unwrap(); // asked for again
        store_in(&folder, b"c", &address(b"c")).unwrap();
        assert_eq!(copies.map(|copy| copy.exists()), [true, false]);
    }

    #[test]
    fn links_and_open_folders_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let open = root.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(store_in(&open, b"x", &address(b"x")).is_err());

        let link = root.path().join("link");
        std::os::unix::fs::symlink(root.path(), &link).unwrap();
        assert!(store_in(&link, b"x", &address(b"x")).is_err());
    }
}
