//! The file that keeps the documents: JSON lines, replaced as a whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use zerepy_plugin::{Error, Result};

use crate::index::Document;

/// Reads the documents; without a file there are none.
pub(crate) fn read(path: &Path) -> Result<Vec<Document>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Error::config(format!(
                "cannot read the store {}: {error}",
                path.display()
            )));
        }
    };
    let lines = text.split('\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    lines.map(|(line, number)| parse(path, line, number)).collect()
}

fn parse(path: &Path, line: &str, number: usize) -> Result<Document> {
    serde_json::from_str(line).map_err(|error| {
        let path = path.display();
        Error::config(format!("the store {path} is broken in line {number}: {error}"))
            .with_hint("Mend the line or remove it; the rest of the file stays usable.")
    })
}

/// Writes the documents, ordered by id, so that a reader sees the old file or the new one.
pub(crate) fn write<'a>(path: &Path, documents: impl Iterator<Item = &'a Document>) -> Result<()> {
    let mut documents: Vec<_> = documents.collect();
    documents.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    replace(path, &documents)
        .map_err(|error| Error::new(format!("cannot write the store {}: {error}", path.display())))
}

fn replace(path: &Path, documents: &[&Document]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let mut file = BufWriter::new(File::create(&beside)?);
    for document in documents {
        serde_json::to_writer(&mut file, document)?;
        file.write_all(b"\n")?;
    }
    file.into_inner()?.sync_all()?;
    fs::rename(beside, path)
}
