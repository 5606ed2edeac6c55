//! A manager's configuration, from what its constructor is given.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use zerepy_core::{Manifest, Owner, Result, Settings};

use crate::{convert, made};

/// A path of a JSON or TOML file, or the document itself.
pub(crate) fn read(py: Python<'_>, config: Option<&Bound<'_, PyAny>>) -> Result<Settings> {
    let Some(config) = config else { return Ok(Settings::default()) };
    if let Ok(path) = config.extract::<PathBuf>() {
        return read_file(py, &path);
    }
    let document = convert::to_json(config, "config")?;
    checked(py, Manifest::from_value(document, "config", Owner::User)?)
}

/// A JSON or TOML file.
pub(crate) fn read_file(py: Python<'_>, path: &Path) -> Result<Settings> {
    checked(py, Manifest::read(path, Owner::User)?)
}

fn checked(py: Python<'_>, document: Manifest) -> Result<Settings> {
    let settings = Settings::new(document);
    made::check(py, &settings)?;
    Ok(settings)
}
