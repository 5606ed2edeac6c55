//! Discovery: what the core finds, imported by Python or loaded as a library.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use zerepy_core::{
    Candidate, Category, Error, ErrorKind, Failure, Found, Importer, Registered, Result, Scan,
    Stage, Unit,
};
use zerepy_native::Trust;

use crate::class::{self, Place, PluginClass};
use crate::errors::{self, OrRaise};
use crate::lazy::{self, Directory};
use crate::{logging, native, records};

/// The place of what is found through an entry point.
const ANYWHERE: Place = Place::Guessed(Category::Connection);

/// Where installed packages offer plugins.
const GROUP: &str = "zerepy.plugins";

/// What the origin of such a plugin begins with.
const ENTRY_POINT: &str = "entry point ";

/// Runs candidates: Python code by the import system, libraries by `zerepy-native`.
struct Runner<'a> {
    trust: &'a Trust,
}

impl Importer<PluginClass> for Runner<'_> {
    fn import(&self, candidate: &Candidate) -> Result<Vec<Registered<PluginClass>>> {
        let origin = candidate.path.display().to_string();
        let place = Place::Guessed(category_of(candidate));
        Python::attach(|py| {
            let classes = match &candidate.unit {
                Unit::Library(path) => native::load_classes(py, path, self.trust)?,
                Unit::Module(path) => python_classes(py, path, candidate)?,
                Unit::Package { dir, .. } => python_classes(py, dir, candidate)?,
            };
            let check = |class| class::checked(class, place, None, origin.clone());
            classes.iter().map(check).collect()
        })
    }
}

/// What a class that extends only `PluginBase` is, by its manifest or its folder.
fn category_of(candidate: &Candidate) -> Category {
    let mut entries = candidate.manifest.iter().flat_map(|manifest| &manifest.entries);
    let folder = candidate.path.parent().filter(|folder| **folder != candidate.root);
    let in_actions = folder.is_some_and(|folder| folder.ends_with("actions"));
    let by_folder = if in_actions { Category::Action } else { Category::Connection };
    entries.find_map(|entry| entry.category).unwrap_or(by_folder)
}

fn python_classes<'py>(
    py: Python<'py>,
    path: &Path,
    candidate: &Candidate,
) -> Result<Vec<Bound<'py, PyAny>>> {
    static LOAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let load = || {
        let load = LOAD.import(py, "zerepy_plugins._modules", "load")?;
        load.call1((path.to_str(), candidate.root.to_str()))?.extract()
    };
    load().map_err(|raised| {
        let what = format!("importing {}", candidate.path.display());
        errors::from_python(py, raised, ErrorKind::Load, &what)
    })
}

/// Everything in one directory that `wanted` lets through. The interpreter must not be held.
pub(crate) fn in_directory(
    dir: &Path,
    trust: &Trust,
    wanted: impl Fn(&Candidate) -> bool,
) -> Result<(Found<PluginClass>, bool)> {
    let mut scan: Scan = zerepy_core::scan(dir);
    scan.candidates.retain(wanted);
    let missing = scan.missing;
    Ok((run(scan, trust)?, missing))
}

/// Imports what a scan found. The interpreter must not be held.
pub(crate) fn run(scan: Scan, trust: &Trust) -> Result<Found<PluginClass>> {
    zerepy_core::import(scan, &Runner { trust })
}

/// The plugins that installed packages offer in the entry point group `zerepy.plugins`: classes, or
/// paths of shared libraries.
pub(crate) fn from_entry_points(py: Python<'_>, trust: &Trust) -> Result<Found<PluginClass>> {
    from_entry_points_where(py, trust, |_| true)
}

/// The module that such an origin names.
pub(crate) fn entry_point_module(origin: &str) -> Option<&str> {
    let (_, value) = origin.strip_prefix(ENTRY_POINT)?.split_once(" = ")?;
    value.split([':', ' ']).next()
}

/// What the entry point of that origin offers now.
pub(crate) fn from_entry_point(
    py: Python<'_>,
    origin: &str,
    trust: &Trust,
) -> Result<Found<PluginClass>> {
    from_entry_points_where(py, trust, |other| other == origin)
}

fn from_entry_points_where(
    py: Python<'_>,
    trust: &Trust,
    wanted: impl Fn(&str) -> bool,
) -> Result<Found<PluginClass>> {
    let mut found = Found { plugins: Vec::new(), failures: Vec::new() };
    let points = entry_points(py, GROUP).map_err(|raised| {
        errors::from_python(py, raised, ErrorKind::Load, "reading entry points")
    })?;
    for point in points {
        let (name, origin) = (text(&point, "name"), origin_of(&point));
        if !wanted(&origin) {
            continue;
        }
        match entry_point(&point, &origin, trust) {
            Ok(plugins) => found.plugins.extend(plugins),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let plugin = Some(error.plugin().map_or(name, str::to_owned));
                found.failures.push(Failure { stage: Stage::Import, plugin, origin, error });
            }
        }
    }
    Ok(found)
}

/// The entry points of a group that installed packages have.
pub(crate) fn entry_points<'py>(py: Python<'py>, group: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let module = py.import("zerepy_plugins._installed")?;
    module.call_method1("entry_points", (group,))?.try_iter()?.collect()
}

fn text(point: &Bound<'_, PyAny>, attribute: &str) -> String {
    point.getattr(attribute).map(|text| text.to_string()).unwrap_or_default()
}

fn origin_of(point: &Bound<'_, PyAny>) -> String {
    format!("{ENTRY_POINT}{} = {}", text(point, "name"), text(point, "value"))
}

fn entry_point(
    point: &Bound<'_, PyAny>,
    origin: &str,
    trust: &Trust,
) -> Result<Vec<Registered<PluginClass>>> {
    let py = point.py();
    let object = point.call_method0("load").map_err(|raised| {
        errors::from_python(py, raised, ErrorKind::Load, &format!("loading {origin}"))
    })?;
    match object.extract::<PathBuf>() {
        Ok(path) => {
            let check =
                |class: &Bound<'_, PyAny>| class::checked(class, ANYWHERE, None, origin.into());
            native::load_classes(py, &path, trust)?.iter().map(check).collect()
        }
        Err(_) => Ok(vec![class::checked(&object, ANYWHERE, None, origin.into())?]),
    }
}

/// Find the plugins in a directory, written in Python and in Rust alike.
#[pyfunction]
#[pyo3(signature = (plugin_dir, *, on_error="raise", lazy=false))]
pub(crate) fn discover_plugins<'py>(
    py: Python<'py>,
    plugin_dir: PathBuf,
    on_error: &str,
    lazy: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let collect = match on_error {
        "raise" => false,
        "collect" => true,
        other => {
            let error = Error::new(ErrorKind::Config, format!("on_error={other:?} is unknown"));
            return Err(error.with_hint("Use \"raise\" or \"collect\"")).or_raise(py);
        }
    };
    // Absolute, for it names the modules: the same relative path may be another directory later.
    let plugin_dir = std::path::absolute(&plugin_dir).unwrap_or(plugin_dir);
    let directory = py.detach(|| {
        if lazy {
            return lazy::directory(&plugin_dir);
        }
        let (found, missing) = in_directory(&plugin_dir, &Trust::default(), |_| true)?;
        Ok(Directory { unloaded: Vec::new(), found, missing })
    });
    logging::flush(py);
    let Directory { unloaded, found, missing } = directory.or_raise(py)?;
    let Found { plugins, mut failures } = found;
    if missing {
        let dir = plugin_dir.display().to_string();
        tracing::warn!(target: "zerepy_plugins.discovery", "there is no plugin directory {dir}");
        logging::flush(py);
    }
    let by_name = by_name(py, plugins, &mut failures)?;
    lazy::by_name(py, unloaded, &by_name, &mut failures)?;
    if let Some(failure) = failures.first().filter(|_| !collect) {
        return Err(errors::to_python(py, &as_load_error(failure)));
    }
    let failures: PyResult<Vec<_>> =
        failures.iter().map(|failure| records::failure(py, failure)).collect();
    let class = if lazy { "LazyPlugins" } else { "DiscoveredPlugins" };
    py.import("zerepy_plugins._discovered")?.getattr(class)?.call1((by_name, failures?))
}

/// Names and classes; the second of a name is a failure.
fn by_name<'py>(
    py: Python<'py>,
    plugins: Vec<Registered<PluginClass>>,
    failures: &mut Vec<Failure>,
) -> PyResult<Bound<'py, PyDict>> {
    let registry = zerepy_core::Registry::default();
    let by_name = PyDict::new(py);
    for plugin in plugins {
        let (name, origin) = (plugin.info.name.clone(), plugin.origin.clone());
        match registry.register(plugin, false) {
            Ok(plugin) => by_name.set_item(name, plugin.class.object(py))?,
            Err(error) => {
                let stage = Stage::Validate;
                failures.push(Failure { stage, plugin: Some(name), origin, error });
            }
        }
    }
    Ok(by_name)
}

/// Whatever is wrong with a plugin in a directory, `discover_plugins` raises a load error.
pub(crate) fn as_load_error(failure: &Failure) -> Error {
    let error = &failure.error;
    if matches!(error.kind(), ErrorKind::Load | ErrorKind::Abi | ErrorKind::Trust) {
        return error.clone();
    }
    let message = format!("{} cannot be loaded: {}", failure.origin, error.message());
    let mut load = Error::new(ErrorKind::Load, message).with_source(error.clone());
    if let Some(plugin) = &failure.plugin {
        load = load.with_plugin(plugin);
    }
    match error.hint() {
        Some(hint) => load.with_hint(hint),
        None => load,
    }
}
