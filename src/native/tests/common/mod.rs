//! Compiles the C plugin, good or broken, into a directory of the test's own.
#![allow(dead_code, reason = "each test program uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Number, Value};
use tempfile::TempDir;
use zerepy_core::Result;
use zerepy_native::{Library, Tape, TapeError, Trust};

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

/// The library at `path`, trusted as if nothing were said of trust.
pub(crate) fn load(path: &Path) -> Result<Arc<Library>> {
    zerepy_native::load(path, &Trust::default())
}

/// A tape with one value on it.
pub(crate) fn tape(write: impl FnOnce(&mut Tape)) -> Tape {
    let mut tape = Tape::default();
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

/// A tape with a JSON value.
pub(crate) fn json_tape(value: &Value) -> Tape {
    tape(|tape| write(value, tape).unwrap())
}

fn write(value: &Value, tape: &mut Tape) -> std::result::Result<(), TapeError> {
    match value {
        Value::Null => tape.null(),
        Value::Bool(value) => tape.bool(*value),
        Value::Number(number) => write_number(number, tape),
        Value::String(text) => tape.str(text)?,
        Value::Array(items) => {
            let list = tape.begin_list(items.len())?;
            items.iter().try_for_each(|item| write(item, tape))?;
            tape.end(list)?;
        }
        Value::Object(pairs) => {
            let map = tape.begin_map(pairs.len())?;
            for (key, value) in pairs {
                tape.str(key)?;
                write(value, tape)?;
            }
            tape.end(map)?;
        }
    }
    Ok(())
}

fn write_number(number: &Number, tape: &mut Tape) {
    if let Some(int) = number.as_i64() {
        tape.int(int);
    } else if let Some(uint) = number.as_u64() {
        tape.uint(uint);
    } else {
        tape.float(number.as_f64().expect("a JSON number that is no integer is a float"));
    }
}
