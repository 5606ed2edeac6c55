//! Plugins that are made for an entry of the configuration: `{"name": …, "type": "mcp", …}`.
//!
//! What makes them is found by the type's name in the entry point group `zerepy.plugin_types`: a
//! function that takes the plugin's name and returns a class.

use pyo3::prelude::*;
use zerepy_core::{
    Category, Error, ErrorKind, Failure, Found, Registered, Result, Settings, Stage, suggestion,
};

use crate::class::{self, Place, PluginClass};
use crate::{discovery, errors};

const GROUP: &str = "zerepy.plugin_types";
/// What the origin of such a plugin begins with.
const ORIGIN: &str = "plugin type ";

/// Checks that there is each type that the settings name.
pub(crate) fn check(py: Python<'_>, settings: &Settings) -> Result<()> {
    settings.made().try_for_each(|(name, kind)| factory(py, name, kind).map(drop))
}

/// Makes these plugins, each given by its name and type.
pub(crate) fn make(py: Python<'_>, wanted: &[(String, String)]) -> Result<Found<PluginClass>> {
    let mut found = Found { plugins: Vec::new(), failures: Vec::new() };
    for (name, kind) in wanted {
        match make_one(py, name, kind) {
            Ok(plugin) => found.plugins.push(plugin),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let (plugin, origin) = (Some(name.clone()), format!("{ORIGIN}{kind}"));
                let stage = Stage::Import;
                found.failures.push(Failure { stage, plugin, origin, error });
            }
        }
    }
    Ok(found)
}

/// The type that such an origin names.
pub(crate) fn type_of(origin: &str) -> Option<&str> {
    origin.strip_prefix(ORIGIN)
}

/// Makes one plugin of that name and type.
pub(crate) fn make_one(py: Python<'_>, name: &str, kind: &str) -> Result<Registered<PluginClass>> {
    let factory = factory(py, name, kind)?;
    let class = factory.call_method0("load").and_then(|make| make.call1((name,)));
    let class = class.map_err(|raised| {
        let what = format!("plugin type {kind:?}");
        errors::from_python(py, raised, ErrorKind::Load, &what).with_plugin(name)
    })?;
    let place = Place::Guessed(Category::Connection);
    class::checked(&class, place, Some(name), format!("{ORIGIN}{kind}"))
}

fn factory<'py>(py: Python<'py>, name: &str, kind: &str) -> Result<Bound<'py, PyAny>> {
    let known = discovery::entry_points(py, GROUP)
        .map_err(|raised| errors::from_python(py, raised, ErrorKind::Load, "entry points"))?;
    let names = || known.iter().filter_map(|point| point.getattr("name").ok()?.extract().ok());
    let at = names().position(|known: String| known == kind).ok_or_else(|| {
        let types = names().chain(Category::ALL.map(|category| category.to_string()));
        Error::new(ErrorKind::Config, format!("there is no plugin type {kind:?}"))
            .with_plugin(name)
            .with_hint(suggestion(kind, types))
    })?;
    Ok(known[at].clone())
}
