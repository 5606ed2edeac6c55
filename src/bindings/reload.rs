//! Loading the code of one plugin again, from where it came.

use parking_lot::Mutex;
use pyo3::prelude::*;
use zerepy_core::{
    Candidate, Error, ErrorKind, Found, Registered, Registry, Reloader, Result, Stage, Unit,
};

use crate::class::{self, Place, PluginClass};
use crate::errors;
use crate::registry::BY_HAND;
use crate::sources::Sources;
use crate::{discovery, made};

/// Finds a plugin again. The Python modules it replaces are put back if it does not take over.
pub(crate) struct Again<'s> {
    sources: &'s Sources,
    registry: &'s Registry<PluginClass>,
    put_back: Mutex<Vec<Py<PyAny>>>,
}

impl<'s> Again<'s> {
    pub(crate) fn new(sources: &'s Sources, registry: &'s Registry<PluginClass>) -> Self {
        Self { sources, registry, put_back: Mutex::default() }
    }

    fn find(
        &self,
        old: &Registered<PluginClass>,
    ) -> Result<Registered<PluginClass>, (Stage, Error)> {
        let origin = &old.origin;
        if origin.starts_with(BY_HAND) {
            return self.registered_now(old).map_err(unfound);
        }
        if let Some(kind) = made::type_of(origin) {
            let made = Python::attach(|py| made::make_one(py, &old.info.name, kind));
            return made.map_err(unfound);
        }
        let found = match discovery::entry_point_module(origin) {
            Some(module) => Python::attach(|py| {
                self.set_aside(py, module)?;
                discovery::from_entry_point(py, origin, self.sources.trust())
            }),
            None => self.in_directories(origin),
        };
        let found = found.map_err(unfound)?;
        let named = |plugin: &Registered<PluginClass>| plugin.info.name == old.info.name;
        let mut failures = found.failures.into_iter();
        match found.plugins.into_iter().find(named) {
            Some(plugin) => Ok(plugin),
            None => Err(failures
                .next()
                .map_or_else(|| unfound(gone(old)), |failure| (failure.stage, failure.error))),
        }
    }

    /// The class that stands under its name now: another, if it was registered with `replace`.
    fn registered_now(&self, old: &Registered<PluginClass>) -> Result<Registered<PluginClass>> {
        let info = &old.info;
        let now = self.registry.get(info.category, &info.name)?;
        Python::attach(|py| {
            let class = now.class.object(py).into_any();
            let (place, origin) = (Place::Asked(info.category), old.origin.clone());
            class::checked(&class, place, Some(&info.name), origin)
        })
    }

    fn in_directories(&self, origin: &str) -> Result<Found<PluginClass>> {
        let mut found = Found { plugins: Vec::new(), failures: Vec::new() };
        for mut scan in self.sources.scans() {
            let is_it = |path: &std::path::Path| path.display().to_string() == origin;
            scan.candidates.retain(|candidate| is_it(&candidate.path));
            scan.failures.retain(|failure| failure.origin == origin);
            for candidate in &scan.candidates {
                self.set_candidate_aside(candidate)?;
            }
            let Found { plugins, failures } = discovery::run(scan, self.sources.trust())?;
            found.plugins.extend(plugins);
            found.failures.extend(failures);
        }
        Ok(found)
    }

    fn set_candidate_aside(&self, candidate: &Candidate) -> Result<()> {
        let (Unit::Module(path) | Unit::Package { dir: path, .. }) = &candidate.unit else {
            return Ok(()); // a changed library is another one
        };
        Python::attach(|py| {
            let names = (path.to_str(), candidate.root.to_str());
            let unit = modules(py).and_then(|modules| modules.call_method1("unit", names));
            let unit = unit.and_then(|unit| unit.extract::<String>());
            self.set_aside(py, &unit.map_err(|raised| unexpected(py, raised))?)
        })
    }

    fn set_aside(&self, py: Python<'_>, unit: &str) -> Result<()> {
        let put_back = modules(py).and_then(|modules| modules.call_method1("set_aside", (unit,)));
        let put_back = put_back.map_err(|raised| unexpected(py, raised))?.unbind();
        self.put_back.lock().push(put_back);
        Ok(())
    }
}

impl Reloader<PluginClass> for Again<'_> {
    fn load(
        &self,
        old: &Registered<PluginClass>,
    ) -> Result<Registered<PluginClass>, (Stage, Error)> {
        self.find(old).inspect_err(|_| self.settle(false))
    }

    fn settle(&self, took_over: bool) {
        let put_back = std::mem::take(&mut *self.put_back.lock());
        if took_over {
            return;
        }
        Python::attach(|py| {
            for put_back in put_back {
                if let Err(raised) = put_back.call0(py) {
                    raised.write_unraisable(py, None);
                }
            }
        });
    }
}

fn modules(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("zerepy_plugins._modules")
}

fn unexpected(py: Python<'_>, raised: PyErr) -> Error {
    errors::from_python(py, raised, ErrorKind::Load, "setting the old modules aside")
}

/// An error in looking for it, before there is code to blame.
const fn unfound(error: Error) -> (Stage, Error) {
    (Stage::Discover, error)
}

fn gone(old: &Registered<PluginClass>) -> Error {
    let (name, origin) = (&old.info.name, &old.origin);
    Error::new(ErrorKind::Load, format!("{origin} does not hold the plugin {name:?} any more"))
        .with_plugin(name)
        .with_hint("Put its code back, or stop it")
}
