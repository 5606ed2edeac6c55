//! Compiles the C plugin, good or broken, into a directory of the test's own.
#![allow(dead_code, reason = "each test program uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use zerepy_native::Tape;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/c");

const INCLUDE: &str =
    concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../../python/zerepy_plugins/include");

/// A library that is deleted with this value.
pub(crate) struct Built {
    folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Built {
    /// The C plugin, compiled with these flags.
    pub(crate) fn new(flags: &[&str]) -> Self {
        Self::of("echo.c", flags)
    }

    /// Another fixture, compiled with these flags.
    pub(crate) fn of(source: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(source).with_extension("so");
        let status = Command::new("cc")
            .args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", INCLUDE])
            .args(flags)
            .arg("-o")
            .arg(&path)
            .arg(Path::new(FIXTURES).join(source))
            .status()
            .expect("the tests need a C compiler, \"cc\"");
        assert!(status.success());
        Self { folder, path }
    }

    /// A file with that content beside it.
    pub(crate) fn beside(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// A tape with one value on it.
pub(crate) fn tape(write: impl FnOnce(&mut Tape)) -> Tape {
    let mut tape = Tape::new();
    write(&mut tape);
    tape
}

/// An empty configuration.
pub(crate) fn no_config() -> Tape {
    tape(|tape| {
        let map = tape.begin_map(0).unwrap();
        tape.end(map).unwrap();
    })
}
