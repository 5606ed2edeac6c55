//! A manager's configuration, from what its constructor is given.

use std::path::PathBuf;

use pyo3::prelude::*;
use zerepy_core::{Manifest, Owner, Result, Settings};

use crate::convert;

/// A path of a JSON or TOML file, or the document itself.
pub(crate) fn read(config: Option<&Bound<'_, PyAny>>) -> Result<Settings> {
    let Some(config) = config else { return Ok(Settings::default()) };
    let document = match config.extract::<PathBuf>() {
        Ok(path) => Manifest::read(&path, Owner::User)?,
        Err(_) => Manifest::from_value(convert::to_json(config, "config")?, "config", Owner::User)?,
    };
    Ok(Settings::new(document))
}
