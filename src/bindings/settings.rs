//! A manager's directories and configuration, from what its constructor is given.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyString;
use zerepy_core::{Manifest, Owner, Result, Settings};

use crate::convert;

/// Where plugins are looked for if nothing is said.
const DEFAULT_DIRS: [&str; 2] = ["plugins", "~/.zerepy/plugins"];

/// One path, several, or the default ones; `~` is the user's home.
pub(crate) fn directories(
    py: Python<'_>,
    dirs: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<PathBuf>> {
    let given: Vec<Bound<'_, PyAny>> = match dirs {
        None => DEFAULT_DIRS.iter().map(|dir| PyString::new(py, dir).into_any()).collect(),
        Some(one) if one.extract::<PathBuf>().is_ok() => vec![one.clone()],
        Some(several) => several.try_iter()?.collect::<PyResult<_>>()?,
    };
    let path = py.import("os.path")?;
    let absolute = |dir: &Bound<'_, PyAny>| -> PyResult<PathBuf> {
        let expanded = path.call_method1("expanduser", (dir,))?;
        path.call_method1("abspath", (expanded,))?.extract()
    };
    given.iter().map(absolute).collect()
}

/// A path of a JSON or TOML file, or the document itself.
pub(crate) fn read(config: Option<&Bound<'_, PyAny>>) -> Result<Settings> {
    let Some(config) = config else { return Ok(Settings::default()) };
    let document = match config.extract::<PathBuf>() {
        Ok(path) => Manifest::read(&path, Owner::User)?,
        Err(_) => Manifest::from_value(convert::to_json(config, "config")?, "config", Owner::User)?,
    };
    Ok(Settings::new(document))
}
