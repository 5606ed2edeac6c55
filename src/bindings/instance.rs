//! A plugin instance, as the core sees it.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use serde_json::Value;
use zerepy_core::{
    Cancel, Change, Config, Done, Error, ErrorKind, Hook, Instance, Result, Snapshot, Step,
};
use zerepy_native::Services;

use crate::environment::{Environment, PluginFinder};
use crate::hook::{Arguments, Methods};
use crate::metrics::PluginMetrics;
use crate::native::NativeInstance;
use crate::optional::Optional;
use crate::target::Target;
use crate::{awaitable, convert, errors, exit, health, optional, surroundings};

/// A plugin object, with what its calls and its lifecycle need looked up once.
pub(crate) struct PluginInstance {
    object: Py<PyAny>,
    config: Mutex<Py<PyAny>>, // never held while Python runs
    hooks: Methods,
    has_action_hooks: bool, // read on every call
    target: Target,
    bound_to_thread: bool,
    cleaned: AtomicBool, // whether `cleanup` was called, and so had a chance to release things
    owner: OnceLock<Py<PluginFinder>>, // stands for the manager
}

impl PluginInstance {
    /// Looks at a new plugin object.
    pub(crate) fn new(object: Bound<'_, PyAny>, config: Bound<'_, PyAny>) -> PyResult<Self> {
        let (hooks, target) = (Methods::of(&object)?, Target::of(&object)?);
        let bound = object.get_type().getattr_opt(intern!(object.py(), "bound_to_thread"))?;
        let bound_to_thread = bound.is_some_and(|bound| bound.is_truthy().unwrap_or(false));
        let (object, config) = (object.unbind(), Mutex::new(config.unbind()));
        let (has_action_hooks, cleaned) = (hooks.of_actions(), AtomicBool::new(false));
        let owner = OnceLock::new();
        Ok(Self {
            object,
            config,
            hooks,
            has_action_hooks,
            target,
            bound_to_thread,
            cleaned,
            owner,
        })
    }

    /// The plugin itself.
    pub(crate) const fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    /// Its own hooks.
    pub(crate) const fn hooks(&self) -> &Methods {
        &self.hooks
    }

    /// Whether it has hooks around its own actions.
    pub(crate) const fn has_action_hooks(&self) -> bool {
        self.has_action_hooks
    }

    /// What its calls go to.
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// Calls a method of the lifecycle, and waits for it if it is async.
    fn step(&self, step: Step) -> Result<()> {
        Python::attach(|py| {
            let what = || self.what(py, step.name());
            let arguments = self.arguments(py, step);
            let called = arguments
                .and_then(|arguments| self.object.bind(py).call_method1(step.name(), arguments));
            match called.and_then(|result| awaitable::settle(result, what)) {
                Ok(_) => Ok(()),
                Err(raised) => Err(errors::from_python(py, raised, kind_of(step), &what())),
            }
        })
    }

    pub(crate) fn config<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.config.lock().bind(py).clone()
    }

    fn begin_step<'py>(
        &self,
        py: Python<'py>,
        step: Step,
        done: Done,
    ) -> PyResult<Bound<'py, PyAny>> {
        let judge = match step {
            Step::Health => health::judge,
            Step::Initialize | Step::Cleanup => |_: &Bound<'_, PyAny>| Ok(()),
        };
        let what = self.what(py, step.name());
        let finish = surroundings::finisher(py, done, kind_of(step), what, judge)?;
        let method = self.object.bind(py).getattr(step.name())?;
        self.on_worker(py, step.name(), &method, self.arguments(py, step)?, finish)
    }

    /// Begins a method of that name on a worker thread.
    fn on_worker<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        method: &Bound<'py, PyAny>,
        arguments: Bound<'py, PyTuple>,
        finish: Bound<'py, PyCFunction>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kwargs = PyDict::new(py);
        kwargs.set_item("owner", self.owner.get())?;
        let arguments = (method, arguments, finish, self.what(py, name));
        surroundings::work(py)?.call_method("begin", arguments, Some(&kwargs))
    }

    /// Calls an optional method, if it is there, and waits for it if it is async; else the outcome is
    /// `absent`.
    fn run_optional<T>(
        &self,
        method: Optional<'_>,
        judge: fn(&Bound<'_, PyAny>) -> PyResult<T>,
        absent: T,
    ) -> Result<T> {
        Python::attach(|py| {
            let what = || self.what(py, method.name());
            let outcome = match method.of(self.object.bind(py)) {
                Ok(None) => return Ok(absent),
                Ok(Some(method)) => method.call0(),
                Err(raised) => Err(raised),
            };
            let outcome = outcome.and_then(|result| awaitable::settle(result, what));
            outcome
                .and_then(|result| judge(&result))
                .map_err(|raised| errors::from_python(py, raised, ErrorKind::Execution, &what()))
        })
    }

    /// The same on a worker thread.
    fn begin_optional<T: 'static>(
        &self,
        method: Optional<'_>,
        judge: fn(&Bound<'_, PyAny>) -> PyResult<T>,
        absent: T,
        done: Done<T>,
    ) -> Result<Cancel> {
        Python::attach(|py| {
            let (name, what) = (method.name(), self.what(py, method.name()));
            let failed = |raised| errors::from_python(py, raised, ErrorKind::Execution, &what);
            let Some(method) = method.of(self.object.bind(py)).map_err(failed)? else {
                done(Ok(absent));
                return Ok(Box::new(|| false) as Cancel);
            };
            let finish =
                surroundings::finisher(py, done, ErrorKind::Execution, what.clone(), judge);
            let nothing = PyTuple::empty(py);
            let work = finish.and_then(|finish| self.on_worker(py, name, &method, nothing, finish));
            Ok(cancel(work.map_err(failed)?.unbind()))
        })
    }

    fn arguments<'py>(&self, py: Python<'py>, step: Step) -> PyResult<Bound<'py, PyTuple>> {
        match step {
            Step::Initialize => PyTuple::new(py, [self.config(py)]),
            Step::Cleanup | Step::Health => Ok(PyTuple::empty(py)),
        }
    }

    fn what(&self, py: Python<'_>, method: &str) -> String {
        format!("{method}() of plugin {:?}", self.name(py))
    }

    fn name(&self, py: Python<'_>) -> String {
        let name = errors::answered(py, self.object.getattr(py, "name"));
        name.map(|name| name.to_string()).unwrap_or_default()
    }

    fn set_context(&self, py: Python<'_>, environment: &Environment, name: &str) -> PyResult<()> {
        let class = py.import("zerepy_plugins.context")?.getattr("PluginContext")?;
        let (config, events) = (self.config(py), environment.events.bind(py));
        let finder = environment.finder.bind(py);
        let metrics = PluginMetrics(environment.services.metrics(name));
        let context = class.call1((name, config, events, finder, metrics))?;
        // Not `setattr`: frozen dataclasses and pydantic models refuse new attributes.
        let object_class = py.import("builtins")?.getattr("object")?;
        object_class.call_method1("__setattr__", (self.object.bind(py), "context", context))?;
        Ok(())
    }
}

const fn kind_of(step: Step) -> ErrorKind {
    match step {
        Step::Initialize | Step::Health => ErrorKind::Execution,
        Step::Cleanup => ErrorKind::Cleanup,
    }
}

/// What asks a worker's work to end.
fn cancel(work: Py<PyAny>) -> Cancel {
    Box::new(move || {
        Python::attach(|py| {
            let cancelled = work.call_method0(py, intern!(py, "cancel"));
            cancelled.and_then(|can| can.is_truthy(py)).unwrap_or(false)
        })
    })
}

impl PluginInstance {
    /// Tells the native instance behind it, if there is one, whose services it may use.
    fn settle(&self, py: Python<'_>, environment: &Environment, name: &str) -> PyResult<()> {
        let native = self.object.bind(py).getattr_opt(intern!(py, "_native"))?;
        if let Some(native) = native.as_ref().and_then(|it| it.cast::<NativeInstance>().ok()) {
            native.get().settle(Arc::clone(&environment.services) as _, name);
        }
        Ok(())
    }
}

impl Instance for PluginInstance {
    type Environment = Environment;

    fn attach(&self, environment: &Environment, name: &str) -> Result<()> {
        self.target.set_max_payload(environment.max_payload);
        Python::attach(|py| {
            let _ = self.owner.set(environment.finder.clone_ref(py));
            let attached = self.set_context(py, environment, name);
            attached.and_then(|()| self.settle(py, environment, name)).map_err(|raised| {
                errors::from_python(py, raised, ErrorKind::Execution, "setting the context")
            })
        })
    }

    fn is_bound_to_thread(&self) -> bool {
        self.bound_to_thread
    }

    fn initialize(&self) -> Result<()> {
        self.step(Step::Initialize)
    }

    fn load_state(&self, snapshot: &Snapshot) -> Result<()> {
        self.run_optional(Optional::LoadState(snapshot), |_| Ok(()), ())
    }

    fn begin_load(&self, snapshot: &Snapshot, done: Done) -> Result<Cancel> {
        self.begin_optional(Optional::LoadState(snapshot), |_| Ok(()), (), done)
    }

    fn remembers(&self) -> bool {
        Python::attach(|py| {
            let has = self.object.bind(py).hasattr(intern!(py, "save_state"));
            errors::answered(py, has).unwrap_or(true) // calling it will show what is wrong
        })
    }

    fn save_state(&self) -> Result<Option<Value>> {
        self.run_optional(Optional::SaveState, optional::saved, None)
    }

    fn begin_save(&self, done: Done<Option<Value>>) -> Result<Cancel> {
        self.begin_optional(Optional::SaveState, optional::saved, None, done)
    }

    fn reconfigure(&self, config: &Config, changes: &[Change]) -> Result<bool> {
        self.run_optional(Optional::Reconfigure(config, changes), |_| Ok(true), false)
    }

    fn begin_reconfigure(
        &self,
        config: &Config,
        changes: &[Change],
        done: Done<bool>,
    ) -> Result<Cancel> {
        self.begin_optional(Optional::Reconfigure(config, changes), |_| Ok(true), false, done)
    }

    fn show_config(&self, config: &Config) -> Result<()> {
        let shown = |py: Python<'_>| -> PyResult<()> {
            let config = convert::to_python(py, &config.value)?;
            let before = mem::replace(&mut *self.config.lock(), config.clone().unbind());
            drop(before); // outside the lock
            let context = self.object.bind(py).getattr(intern!(py, "context"))?;
            context.setattr(intern!(py, "config"), config)
        };
        Python::attach(|py| {
            shown(py).map_err(|raised| {
                errors::from_python(py, raised, ErrorKind::Config, "setting the configuration")
            })
        })
    }

    fn cleanup(&self) -> Result<()> {
        self.cleaned.store(true, Ordering::Relaxed);
        self.step(Step::Cleanup)
    }

    fn tells_health(&self) -> bool {
        Python::attach(|py| health::is_told(self.object.bind(py)))
    }

    fn begin(&self, step: Step, done: Done) -> Result<Cancel> {
        self.cleaned.fetch_or(step == Step::Cleanup, Ordering::Relaxed);
        Python::attach(|py| {
            let work = self.begin_step(py, step, done).map(Bound::unbind);
            let work = work.map_err(|raised| {
                errors::from_python(py, raised, kind_of(step), &self.what(py, step.name()))
            })?;
            Ok(cancel(work))
        })
    }

    fn release(&self) -> Vec<Error> {
        Python::attach(|py| {
            // At the interpreter's end there is nobody to tell of what a plugin left.
            let cleaned = self.cleaned.load(Ordering::Relaxed) && !exit::is_ending();
            let context = self.object.bind(py).getattr(intern!(py, "context"));
            let raised = context
                .and_then(|context| context.call_method1(intern!(py, "_release"), (cleaned,)));
            let raised = raised.and_then(|raised| raised.extract::<Vec<Py<PyAny>>>());
            let raised = raised.unwrap_or_else(|error| vec![error.into_value(py).into_any()]);
            let what = format!("a cleanup function of plugin {:?}", self.name(py));
            let error = |raised: Py<PyAny>| {
                let raised = PyErr::from_value(raised.into_bound(py));
                errors::from_python(py, raised, ErrorKind::Cleanup, &what)
            };
            raised.into_iter().map(error).collect()
        })
    }

    fn is_busy(&self) -> bool {
        self.target.is_busy()
    }

    fn end_early(&self) {
        self.target.close_streams();
    }

    fn hook(&self, hook: Hook, error: Option<&Error>) -> Result<()> {
        if !self.hooks.has(hook, error.is_some()) {
            return Ok(());
        }
        Python::attach(|py| {
            self.hooks.call(py, hook, self, &mut Arguments::new(py, self, error, None))
        })
    }
}
