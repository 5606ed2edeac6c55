//! What plugins remember from one run to the next: one JSON file for each, replaced as a whole.
//!
//! What the state means is the plugin's business alone.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::{Error, ErrorKind, Result, check_name};

/// The version of the file format.
const FORMAT: u32 = 1;

/// A plugin's state, and who saved it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of the plugin that saved it.
    pub version: String,
    /// What `save_state` returned.
    pub state: Value,
}

/// The file: the snapshot, and what tells whether it can be read.
#[derive(Serialize, Deserialize)]
struct Document<S> {
    format: u32,
    plugin: String,
    #[serde(flatten)]
    snapshot: S,
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// A directory of snapshots. Safe to share: each file is written under another name, flushed to the
/// disk, and renamed, so that whoever reads it finds the old one or the new one, whole.
#[derive(Debug)]
pub struct SnapshotStore {
    dir: PathBuf,
}

impl SnapshotStore {
    /// Snapshots in `dir`, which is made when the first one is saved.
    #[must_use]
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// What the plugin saved last, if it did.
    ///
    /// # Errors
    /// [`ErrorKind::Load`] if the file cannot be read, or is not what [`save`](Self::save) writes.
    pub fn load(&self, plugin: &str) -> Result<Option<Snapshot>> {
        let path = self.path(plugin)?;
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == IoKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&path, plugin, &error)),
        };
        let parse = || {
            let head: Head = serde_json::from_slice(&text)?;
            if head.format != FORMAT {
                let other = format!("it has format {}, this host reads {FORMAT}", head.format);
                return Err(serde_json::Error::custom(other));
            }
            serde_json::from_slice::<Document<Snapshot>>(&text)
        };
        let document = parse().map_err(|error| unusable(&path, plugin, &error))?;
        Ok(Some(document.snapshot))
    }

    /// Puts a snapshot in the place of the last one.
    ///
    /// # Errors
    /// [`ErrorKind::Load`] if the file cannot be written; the last one is untouched then.
    pub fn save(&self, plugin: &str, snapshot: &Snapshot) -> Result<()> {
        let path = self.path(plugin)?;
        let plugin_name = plugin.to_owned();
        let document = Document { format: FORMAT, plugin: plugin_name, snapshot };
        self.write(&path, &document).map_err(|error| {
            let message = format!(
                "the state of plugin {plugin:?} cannot be saved to {}: {error}",
                path.display()
            );
            Error::new(ErrorKind::Load, message)
                .with_plugin(plugin)
                .with_hint("Make room, or let state_dir be a directory that can be written to")
        })
    }

    fn write(&self, path: &Path, document: &impl Serialize) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let file = NamedTempFile::with_prefix_in(".state-", &self.dir)?;
        let mut writer = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut writer, document)?;
        writer.write_all(b"\n")?;
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(&self.dir)?.sync_all() // the rename itself
    }

    fn path(&self, plugin: &str) -> Result<PathBuf> {
        check_name(plugin)?; // it holds nothing that leads elsewhere
        Ok(self.dir.join(format!("{plugin}.json")))
    }
}

fn unusable(path: &Path, plugin: &str, why: &dyn std::fmt::Display) -> Error {
    let path = path.display();
    Error::new(
        ErrorKind::Load,
        format!("the saved state of plugin {plugin:?} cannot be read from {path}: {why}"),
    )
    .with_plugin(plugin)
    .with_hint("Mend the file, or remove it to let the plugin begin anew")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(version: &str) -> Snapshot {
        Snapshot { version: version.to_owned(), state: json!({"seen": [1, 2.5, "x"]}) }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let root = tempfile::tempdir().unwrap();
        let store = SnapshotStore::new(root.path().join("made/when/needed"));
        assert_eq!(store.load("a").unwrap(), None);
        store.save("a", &snapshot("1.0")).unwrap();
        store.save("a", &snapshot("1.1")).unwrap();
        assert_eq!(store.load("a").unwrap(), Some(snapshot("1.1")));
        assert_eq!(store.load("b").unwrap(), None);
        let files = fs::read_dir(root.path().join("made/when/needed")).unwrap();
        assert_eq!(files.count(), 1); // nothing is left of the writing
    }

    #[test]
    fn it_is_readable_and_says_what_it_is() {
        let root = tempfile::tempdir().unwrap();
        SnapshotStore::new(root.path().into()).save("a", &snapshot("1.0")).unwrap();
        let text = fs::read_to_string(root.path().join("a.json")).unwrap();
        let head =
            "{\n  \"format\": 1,\n  \"plugin\": \"a\",\n  \"version\": \"1.0\",\n  \"state\": {";
        assert!(text.starts_with(head) && text.ends_with("}\n"), "{text}");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_stays() {
        let root = tempfile::tempdir().unwrap();
        let (store, path) = (SnapshotStore::new(root.path().into()), root.path().join("a.json"));
        for (text, why) in [
            ("{\"format\": 1", "EOF while parsing"),
            ("{\"format\": 2}", "it has format 2, this host reads 1"),
            ("{\"format\": 1, \"plugin\": \"a\"}", "missing field `version`"),
            ("\u{0}", "expected value"),
        ] {
            fs::write(&path, text).unwrap();
            let error = store.load("a").unwrap_err();
            assert!(error.message().contains(why), "{error}");
            assert!(error.hint().unwrap().contains("remove it"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        let store = SnapshotStore::new("/nowhere".into());
        for name in ["../a", "a/b", "", "\0"] {
            assert!(
                store.load(name).is_err() && store.save(name, &snapshot("1")).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_told() {
        let error = SnapshotStore::new("/dev/null/x".into()).save("a", &snapshot("1")).unwrap_err();
        assert!(error.message().contains("cannot be saved to /dev/null/x/a.json"), "{error}");
    }
}
