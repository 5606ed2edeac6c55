//! A call with hooks around it, as the coroutine or async generator sees it that awaits its parts.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, intern};
use zerepy_core::{Error, Sets};

use super::{Around, Scene};
use crate::awaitable;
use crate::environment::PluginHost;
use crate::errors::OrRaise;
use crate::hook::Watcher;
use crate::instance::PluginInstance;
use crate::limited::Limited;
use crate::target::{Named, Verb};

/// What of a call stays as it is until it ends.
pub(crate) struct Kept {
    sets: Arc<Sets<Watcher>>,
    instance: Arc<PluginInstance>,
    verb: Verb,
    plugin: String,
    action: String,
    limited: Option<Limited>,
    yields: bool,
}

impl Kept {
    #[cold]
    pub(crate) fn new(
        host: &PluginHost,
        instance: &Arc<PluginInstance>,
        verb: Verb,
        named: &Named<'_>,
        limited: Option<Limited>,
    ) -> Self {
        let (sets, instance) = (host.hooks().sets(), Arc::clone(instance));
        let (plugin, action) = (named.plugin.to_owned(), named.action.to_owned());
        Self { sets, instance, verb, plugin, action, limited, yields: false }
    }

    /// A coroutine that goes through all of it.
    pub(crate) fn into_coroutine<'py>(
        self,
        py: Python<'py>,
        params: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (module, call) = (intern!(py, "zerepy_plugins._loop"), self.begin(py, params));
        py.import(module)?.call_method1(intern!(py, "drive"), (call,))
    }

    /// An async generator that goes through all of it, and passes on the items of the action.
    pub(crate) fn into_items<'py>(
        mut self,
        py: Python<'py>,
        params: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.yields = true;
        let (module, call) = (intern!(py, "zerepy_plugins._streams"), self.begin(py, params));
        py.import(module)?.call_method1(intern!(py, "items_within"), (call,))
    }

    fn begin(self, py: Python<'_>, params: Option<&Bound<'_, PyAny>>) -> HookedCall {
        HookedCall(Mutex::new(Some((self, Around::new(py, params)))))
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            sets: &self.sets,
            instance: &self.instance,
            verb: self.verb,
            named: Named::new(&self.plugin, &self.action),
            limited: self.limited.as_ref(),
            yields: self.yields,
        }
    }
}

/// An awaited call with hooks around it, for what drives it.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct HookedCall(Mutex<Option<(Kept, Around)>>);

#[pymethods]
impl HookedCall {
    /// Go on to what has to be awaited or iterated next; ``None`` when all is done.
    fn advance<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let (kept, mut around) = self.lift()?;
        let scene = kept.scene();
        while let Some(made) = around.next(py, &scene, true) {
            match made {
                Ok(value) if around.is_yielding(&scene) || awaitable::is_awaitable(&value) => {
                    self.put_back(kept, around);
                    return Some(value);
                }
                made => around.take(py, &scene, made),
            }
        }
        self.put_back(kept, around);
        None
    }

    /// Take in what was awaited.
    fn take(&self, py: Python<'_>, value: Bound<'_, PyAny>) {
        self.take_in(py, |_, _| Ok(value));
    }

    /// Take in what awaiting it raised.
    fn fail(&self, py: Python<'_>, error: Bound<'_, PyAny>) {
        let raised = PyErr::from_value(error);
        self.take_in(py, |around, scene| Err(scene.failure(py, around.moment, raised)));
    }

    /// Return the result, or raise what failed.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.lift() {
            Some((kept, around)) => around.finish(py, &kept.scene()).or_raise(py),
            None => Ok(py.None().into_bound(py)),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 wants")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.try_lock().as_deref() {
            Some(Some((_, around))) => visit.call(&around.params),
            _ => Ok(()),
        }
    }
}

impl HookedCall {
    fn take_in<'py>(
        &self,
        py: Python<'py>,
        outcome: impl FnOnce(&Around, &Scene<'_>) -> Result<Bound<'py, PyAny>, Error>,
    ) {
        if let Some((kept, mut around)) = self.lift() {
            let outcome = outcome(&around, &kept.scene());
            around.take(py, &kept.scene(), outcome);
            self.put_back(kept, around);
        }
    }

    /// Takes the call out: no lock is held while Python runs.
    fn lift(&self) -> Option<(Kept, Around)> {
        mem::take(&mut *self.0.lock())
    }

    fn put_back(&self, kept: Kept, mut around: Around) {
        around.arguments = None; // they refer to more than what `__traverse__` sees
        *self.0.lock() = Some((kept, around));
    }
}
