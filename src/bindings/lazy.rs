//! Plugins that are known, and imported at first use.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use zerepy_core::{
    Candidate, Error, ErrorKind, Failure, Found, Glimpse, Preview, Result, Scan, Stage, Unit,
};
use zerepy_native::Trust;

use crate::class::PluginClass;
use crate::{discovery, errors, logging, records};

/// A plugin of a directory that has not been imported.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct UnloadedPlugin {
    candidate: Arc<Candidate>,
    glimpse: Glimpse,
}

#[pymethods]
impl UnloadedPlugin {
    #[getter]
    fn name(&self) -> &str {
        &self.glimpse.name
    }

    #[getter]
    fn version(&self) -> &str {
        &self.glimpse.version
    }

    #[getter]
    fn category(&self) -> &'static str {
        self.glimpse.category.as_str()
    }

    #[getter]
    fn origin(&self) -> String {
        self.candidate.path.display().to_string()
    }

    /// Import its code and return its class; a failure is also appended to `failures`.
    fn load<'py>(
        &self,
        py: Python<'py>,
        failures: &Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let class = py.detach(|| self.class());
        logging::flush(py);
        let failure = match class {
            Ok(class) => return Ok(class.object(py).into_any()),
            Err(failure) => failure,
        };
        if failure.error.kind() != ErrorKind::Interrupted {
            failures.append(records::failure(py, &failure)?)?;
        }
        Err(errors::to_python(py, &discovery::as_load_error(&failure)))
    }
}

impl UnloadedPlugin {
    fn class(&self) -> std::result::Result<PluginClass, Failure> {
        let failed = |stage, error| Failure {
            stage,
            plugin: Some(self.glimpse.name.clone()),
            origin: self.origin(),
            error,
        };
        let scan = Scan { candidates: vec![Candidate::clone(&self.candidate)], ..Scan::default() };
        let found = discovery::run(scan, &Trust::default())
            .map_err(|error| failed(Stage::Import, error))?;
        if let Some(failure) = found.failures.into_iter().next() {
            return Err(failure);
        }
        let plugins = found.plugins.into_iter();
        let same = plugins.map(|plugin| (plugin.info, plugin.class)).find(|(info, _)| {
            let Glimpse { name, version, category } = &self.glimpse;
            (&info.name, &info.version, &info.category) == (name, version, category)
        });
        same.map(|(_, class)| class).ok_or_else(|| failed(Stage::Import, self.changed()))
    }

    fn changed(&self) -> Error {
        let (origin, Glimpse { name, version, .. }) = (self.origin(), &self.glimpse);
        let message = format!("{origin} does not define {name:?} in version {version} any more");
        Error::new(ErrorKind::Load, message)
            .with_plugin(name)
            .with_hint("It was changed meanwhile: discover the plugins again")
    }
}

/// What a directory holds: what can be told without running it is not imported, the rest is.
pub(crate) struct Directory {
    pub(crate) unloaded: Vec<UnloadedPlugin>,
    pub(crate) found: Found<PluginClass>,
    pub(crate) missing: bool,
}

/// Looks at a directory. The interpreter must not be held.
pub(crate) fn directory(dir: &Path) -> Result<Directory> {
    let mut scan = zerepy_core::scan(dir);
    let previews = zerepy_core::preview(&scan, dir, index_folder().as_deref());
    let (mut unloaded, mut unsure) = (Vec::new(), Vec::new());
    for (candidate, preview) in std::mem::take(&mut scan.candidates).into_iter().zip(previews) {
        match known(&candidate, preview) {
            Some(glimpses) => {
                let candidate = Arc::new(candidate);
                let of = |glimpse| UnloadedPlugin { candidate: Arc::clone(&candidate), glimpse };
                unloaded.extend(glimpses.into_iter().map(of));
            }
            None => unsure.push(candidate),
        }
    }
    scan.candidates = unsure;
    let missing = scan.missing;
    let found = discovery::run(scan, &Trust::default())?;
    Ok(Directory { unloaded, found, missing })
}

/// What is in a candidate, if that is known; a library says it in its descriptor.
fn known(candidate: &Candidate, preview: Preview) -> Option<Vec<Glimpse>> {
    match (preview, &candidate.unit) {
        (Preview::Known(glimpses), _) => Some(glimpses),
        (Preview::Unsure, Unit::Library(path)) if candidate.manifest.is_none() => {
            let plugins = zerepy_native::inspect(path).ok()?.plugins.into_iter();
            let glimpses = plugins.map(|info| Glimpse {
                name: info.name,
                version: info.version,
                category: info.category,
            });
            Some(glimpses.collect())
        }
        (Preview::Unsure, _) => None,
    }
}

/// Where the user's caches are; `None` if that is no place that only this user can write to.
fn index_folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    std::fs::create_dir_all(&caches).ok()?;
    let folder = caches.join("zerepy-plugins");
    zerepy_native::make_private(&folder).ok().map(|()| folder)
}

/// By name: classes, and plugins that are not imported yet; the second of a name is a failure.
pub(crate) fn by_name<'py>(
    py: Python<'py>,
    unloaded: Vec<UnloadedPlugin>,
    classes: &Bound<'py, PyDict>,
    failures: &mut Vec<Failure>,
) -> PyResult<()> {
    for plugin in unloaded {
        let name = plugin.glimpse.name.clone();
        if classes.contains(&name)? {
            let error = Error::new(
                ErrorKind::Config,
                format!("{} defines {name:?}, which another file defines, too", plugin.origin()),
            );
            let error = error.with_plugin(&name).with_hint("Rename one of the two");
            let origin = plugin.origin();
            failures.push(Failure { stage: Stage::Validate, plugin: Some(name), origin, error });
        } else {
            classes.set_item(name, Bound::new(py, plugin)?)?;
        }
    }
    Ok(())
}
