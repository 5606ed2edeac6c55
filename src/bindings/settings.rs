//! A manager's configuration, from what its constructor is given.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use zerepy_core::{Manifest, Owner, Result, Settings};

use crate::convert;

/// A path of a JSON or TOML file, or the document itself.
pub(crate) fn read(config: Option<&Bound<'_, PyAny>>) -> Result<Settings> {
    let Some(config) = config else { return Ok(Settings::default()) };
    if let Ok(path) = config.extract::<PathBuf>() {
        return read_file(&path);
    }
    let document = convert::to_json(config, "config")?;
    Manifest::from_value(document, "config", Owner::User).map(Settings::new)
}

/// A JSON or TOML file.
pub(crate) fn read_file(path: &Path) -> Result<Settings> {
    Manifest::read(path, Owner::User).map(Settings::new)
}
