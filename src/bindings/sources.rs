//! Where a manager's plugins come from, and taking them in.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zerepy_core::{Error, ErrorKind, Result, Scan};
use zerepy_native::Trust;

use crate::environment::PluginHost;
use crate::errors::OrRaise;
use crate::{discovery, made};

/// Where plugins are looked for if nothing is said.
const DEFAULT_DIRS: [&str; 2] = ["plugins", "~/.zerepy/plugins"];

/// Directories and entry points; what was registered by hand stands in the registry.
pub(crate) struct Sources {
    dirs: Vec<PathBuf>,
    dirs_are_default: bool, // then it is fine if one does not exist
    entry_points: bool,
    trust: Trust,
    loaded: Mutex<HashSet<PathBuf>>,
    were_read: AtomicBool, // all of them, once at least
}

impl Sources {
    /// `dirs` is one path, several, or none for the default ones; `~` is the user's home. `trusted`
    /// lists the libraries that may be loaded.
    pub(crate) fn new(
        py: Python<'_>,
        dirs: Option<&Bound<'_, PyAny>>,
        entry_points: bool,
        trusted: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let dirs_are_default = dirs.is_none();
        let dirs = directories(py, dirs)?;
        let trust = trust(py, trusted)?;
        let (loaded, were_read) = (Mutex::default(), AtomicBool::new(false));
        Ok(Self { dirs, dirs_are_default, entry_points, trust, loaded, were_read })
    }

    /// The libraries that may be loaded.
    pub(crate) const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What the directories hold now.
    pub(crate) fn scans(&self) -> impl Iterator<Item = Scan> {
        self.dirs.iter().map(|dir| zerepy_core::scan(dir))
    }

    /// Lets the host take in everything there is, unless it did before.
    pub(crate) fn load_first(&self, host: &PluginHost) -> Result<()> {
        if self.were_read.load(Ordering::Acquire) {
            return Ok(());
        }
        self.load(host).map(drop)
    }

    /// Lets the host take in everything there is; returns the names of the plugins that are new.
    pub(crate) fn load(&self, host: &PluginHost) -> Result<Vec<String>> {
        let before: HashSet<String> = names(host).collect();
        for dir in &self.dirs {
            let is_new = |path: &PathBuf| !self.loaded.lock().contains(path);
            let (found, missing) =
                discovery::in_directory(dir, &self.trust, |candidate| is_new(&candidate.path))?;
            if missing && !self.dirs_are_default {
                let dir = dir.display();
                tracing::warn!(target: "zerepy_plugins.discovery", "there is no plugin directory {dir}");
            }
            let loaded = found.plugins.iter().map(|plugin| PathBuf::from(&plugin.origin));
            self.loaded.lock().extend(loaded);
            host.accept(found.plugins, found.failures);
        }
        if self.entry_points {
            let found = Python::attach(|py| discovery::from_entry_points(py, &self.trust))?;
            host.accept(found.plugins, found.failures);
        }
        let wanted = host.to_be_made();
        if !wanted.is_empty() {
            let found = Python::attach(|py| made::make(py, &wanted))?;
            host.accept(found.plugins, found.failures);
        }
        host.accept(Vec::new(), Vec::new()); // what was registered by hand
        host.check_settings();
        self.were_read.store(true, Ordering::Release);
        Ok(names(host).filter(|name| !before.contains(name)).collect())
    }
}

fn names(host: &PluginHost) -> impl Iterator<Item = String> {
    host.status().into_iter().map(|status| status.info.name)
}

fn directories(py: Python<'_>, dirs: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<PathBuf>> {
    let given: Vec<Bound<'_, PyAny>> = match dirs {
        None => DEFAULT_DIRS.iter().map(|dir| PyString::new(py, dir).into_any()).collect(),
        Some(one) if one.extract::<PathBuf>().is_ok() => vec![one.clone()],
        Some(several) => several.try_iter()?.collect::<PyResult<_>>()?,
    };
    given.iter().map(absolute).collect()
}

/// A path that stays the same when the working directory changes; `~` is the user's home.
pub(crate) fn absolute(path: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    let module = path.py().import("os.path")?;
    let expanded = module.call_method1("expanduser", (path,))?;
    module.call_method1("abspath", (expanded,))?.extract()
}

/// Digests and directories; without any list, every library that no other user can change.
fn trust(py: Python<'_>, listed: Option<&Bound<'_, PyAny>>) -> PyResult<Trust> {
    let Some(listed) = listed else { return Ok(Trust::default()) };
    if listed.extract::<PathBuf>().is_ok() {
        let error = Error::new(ErrorKind::Config, "trusted_libraries is one text");
        return Err(error.with_hint("Give a list of digests and directories")).or_raise(py);
    }
    let entry = |entry: PyResult<Bound<'_, PyAny>>| {
        let entry = entry?;
        let is_digest = entry.extract::<&str>().is_ok_and(|text| text.starts_with("sha256:"));
        if is_digest { entry.extract() } else { absolute(&entry) }
    };
    Trust::only(listed.try_iter()?.map(entry).collect::<PyResult<Vec<PathBuf>>>()?).or_raise(py)
}
