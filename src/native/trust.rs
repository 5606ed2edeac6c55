//! Which libraries may be loaded: none that other users can change, and of the rest those the user
//! lists. It looks at files and digests, never at what a library declares.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zerepy_core::{Error, ErrorKind};

use crate::cache::{self, Address};
use crate::refusal::{Refusal, Result};

const PREFIX: &str = "sha256:";
const ROOT: u32 = 0;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The libraries a user trusts. By default every one that no other user can change.
#[derive(Clone, Debug, Default)]
pub struct Trust(Option<Listed>);

#[derive(Clone, Debug, Default)]
struct Listed {
    digests: Vec<Address>,
    folders: Vec<PathBuf>,
}

impl Trust {
    /// Only what is listed: contents as `sha256:<64 hexadecimal digits>`, and directories, for all
    /// that is in them. An empty list trusts nothing.
    ///
    /// # Errors
    /// `Config` for what begins with `sha256:` and is no digest.
    pub fn only(entries: impl IntoIterator<Item = PathBuf>) -> Result<Self, Error> {
        let mut listed = Listed::default();
        for entry in entries {
            match entry.to_str().and_then(|text| text.strip_prefix(PREFIX)) {
                Some(digits) => {
                    listed.digests.push(parse(digits).ok_or_else(|| no_digest(&entry))?);
                }
                None => listed.folders.push(entry),
            }
        }
        Ok(Self(Some(listed)))
    }

    /// Refuses the library read from `path`, an open file with that metadata.
    pub(crate) fn check(&self, path: &Path, file: &Metadata, address: &Address) -> Result<()> {
        check_file(path, file)?;
        let Some(listed) = &self.0 else { return Ok(()) };
        if listed.digests.contains(address) || listed.holds(path) {
            return Ok(());
        }
        let digest = digest(address);
        Err(Refusal::trust(format!(
            "it is not among the trusted libraries; its digest is {digest}"
        ))
        .hint("If you trust it, add that digest or its directory to `trusted_libraries`"))
    }
}

impl Listed {
    /// Whether the file itself, links followed, lies in a trusted directory.
    fn holds(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        let mut folders = self.folders.iter().filter_map(|folder| folder.canonicalize().ok());
        folders.any(|folder| folder.is_dir() && path.starts_with(folder))
    }
}

/// The digest of a content as users write it.
pub(crate) fn digest(address: &Address) -> String {
    format!("{PREFIX}{}", cache::hexadecimal(address))
}

fn parse(digits: &str) -> Option<Address> {
    let mut address = Address::default();
    if digits.len() != 2 * address.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in address.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(address)
}

fn no_digest(entry: &Path) -> Error {
    let message = format!("trusted_libraries: \"{}\" is no digest", entry.display());
    Error::new(ErrorKind::Config, message)
        .with_hint("Write sha256: and 64 hexadecimal digits, as `zpl inspect` prints them")
}

/// Nobody but its owner, whom the user chose by pointing there, can change the file or put another
/// in its place.
fn check_file(path: &Path, file: &Metadata) -> Result<()> {
    if let Some(who) = others_who_write(file) {
        return Err(open_to(who, "it", path));
    }
    // What is no link, is in the one folder, whatever links lead there.
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let real = is_link.then(|| path.canonicalize().ok()).flatten();
    for folder in [Some(folder_of(path)), real.map(|real| folder_of(&real))].into_iter().flatten() {
        let metadata = fs::metadata(&folder).map_err(|error| {
            Refusal::load(format!("its directory \"{}\" cannot be read: {error}", folder.display()))
        })?;
        let Some(who) = others_who_write(&metadata) else { continue };
        // In a sticky directory, such as /tmp, others can add files but not replace this one.
        let kept = metadata.mode() & STICKY != 0 && [ROOT, cache::user()].contains(&file.uid());
        if !kept {
            let what = format!("its directory \"{}\"", folder.display());
            return Err(open_to(who, &what, &folder));
        }
    }
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn others_who_write(metadata: &Metadata) -> Option<&'static str> {
    writers(metadata.mode(), metadata.uid(), metadata.gid())
}

/// Who besides the owner can write there. A group with its user's number is that user's own, and
/// root's is as good as root.
fn writers(mode: u32, owner: u32, group: u32) -> Option<&'static str> {
    if mode & OTHERS_WRITE != 0 {
        Some("every user")
    } else if mode & GROUP_WRITES != 0 && ![owner, ROOT].contains(&group) {
        Some("its group")
    } else {
        None
    }
}

fn open_to(who: &str, what: &str, path: &Path) -> Refusal {
    Refusal::trust(format!("{what} can be written to by {who}"))
        .hint(format!("Run: chmod go-w \"{}\"", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        file: PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("x.so");
            fs::write(&file, "content").unwrap();
            Self { folder, file }
        }

        fn check(&self, trust: &Trust, path: &Path) -> Result<(), String> {
            let metadata = File::open(&self.file).unwrap().metadata().unwrap();
            let address = cache::address(b"content");
            trust.check(path, &metadata, &address).map_err(|refusal| refusal.at(path).to_string())
        }

        fn with_modes(&self, folder: u32, file: u32) -> Result<(), String> {
            let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
            set(self.folder.path(), folder).unwrap();
            set(&self.file, file).unwrap();
            self.check(&Trust::default(), &self.file)
        }
    }

    #[test]
    fn what_others_can_change_is_refused() {
        let place = Place::new();
        for (folder, file) in [(0o755, 0o644), (0o700, 0o400), (0o1777, 0o644)] {
            assert_eq!(place.with_modes(folder, file), Ok(()), "{folder:o} {file:o}");
        }
        let file = place.with_modes(0o755, 0o646).unwrap_err();
        assert!(file.contains("it can be written to by every user. Run: chmod go-w"), "{file}");
        let folder = place.with_modes(0o757, 0o644).unwrap_err();
        assert!(folder.contains("its directory") && folder.contains("every user"), "{folder}");
    }

    #[test]
    fn a_groups_rights_are_fine_if_it_is_the_users_own_or_roots() {
        for (mode, owner, group, expected) in [
            (0o100_664, 1000, 1000, None),
            (0o100_664, 1000, ROOT, None),
            (0o100_664, 1000, 100, Some("its group")),
            (0o040_775, ROOT, 100, Some("its group")),
            (0o100_644, 1000, 100, None),
            (0o100_666, 1000, 1000, Some("every user")),
        ] {
            assert_eq!(writers(mode, owner, group), expected, "{mode:o} {owner} {group}");
        }
    }

    #[test]
    fn in_a_sticky_directory_only_own_files_are_kept() {
        let place = Place::new();
        if cache::user() != ROOT {
            return; // only root may give files to others
        }
        std::os::unix::fs::chown(&place.file, Some(12_345), None).unwrap();
        assert!(place.with_modes(0o1777, 0o644).unwrap_err().contains("its directory"));
        assert_eq!(place.with_modes(0o755, 0o644), Ok(()));
    }

    #[test]
    fn a_link_is_as_safe_as_both_of_its_ends() {
        let (place, other) = (Place::new(), Place::new());
        let link = other.folder.path().join("link.so");
        symlink(&place.file, &link).unwrap();
        assert_eq!(place.check(&Trust::default(), &link), Ok(()));
        fs::set_permissions(other.folder.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(place.check(&Trust::default(), &link).is_err());
        let inside = Trust::only([other.folder.path().to_owned()]).unwrap();
        fs::set_permissions(other.folder.path(), Permissions::from_mode(0o700)).unwrap();
        assert!(place.check(&inside, &link).is_err(), "the file itself lies elsewhere");
    }

    #[test]
    fn a_list_trusts_what_is_on_it_and_nothing_else() {
        let place = Place::new();
        let digest = digest(&cache::address(b"content"));
        let check = |entries: &[&Path]| {
            let trust = Trust::only(entries.iter().map(|entry| entry.to_path_buf())).unwrap();
            place.check(&trust, &place.file)
        };
        assert_eq!(check(&[digest.as_ref()]), Ok(()));
        assert_eq!(check(&[digest.to_uppercase().replace("SHA", "sha").as_ref()]), Ok(()));
        assert_eq!(check(&["/nowhere".as_ref(), place.folder.path()]), Ok(()));
        assert!(check(&[&place.file]).is_err(), "a file is no directory");
        for list in [&[][..], &["/nowhere".as_ref()]] {
            let message = check(list).unwrap_err();
            assert!(message.contains(&digest), "{message}");
            assert!(message.contains("trusted_libraries"), "{message}");
        }
    }

    #[test]
    fn what_is_no_digest_is_told() {
        for digits in ["", "12", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            let error = Trust::only([PathBuf::from(format!("sha256:{digits}"))]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{digits}");
        }
    }
}
