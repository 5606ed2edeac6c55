//! Native plugins, as Python sees them: a class handle for each plugin of a library, an instance
//! handle for each instance. The Python classes around them stand in `zerepy_plugins/native.py`.

mod actions;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerepy_core::{Attempt, Category, Error, ErrorKind, Exec, PluginInfo, Result, suggestion};
use zerepy_native::{
    CallOptions, Caller, Form, Instance, Library, Pending, ResultTape, Services, Stay, Stream,
    Tape, Trust,
};

use actions::Actions;

use crate::coroutine::{CallCoroutine, Request};
use crate::errors::OrRaise;
use crate::limited::Limited;
use crate::stream::{self, CallStream};
use crate::target::{Named, Verb};
use crate::{describe, errors, interrupt, logging, services, walk};

/// One plugin of a loaded library.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct NativeClass {
    library: Arc<Library>,
    plugin: usize,
}

/// Loads a library; one Python class for each of its plugins.
pub(crate) fn load_classes<'py>(
    py: Python<'py>,
    path: &Path,
    trust: &Trust,
) -> Result<Vec<Bound<'py, PyAny>>> {
    let library = py.detach(|| zerepy_native::load(path, trust))?;
    let make = |plugin| {
        let class = NativeClass { library: Arc::clone(&library), plugin };
        py.import("zerepy_plugins.native")?.getattr("make_class")?.call1((class,))
    };
    let classes: PyResult<Vec<_>> = (0..library.info().plugins.len()).map(make).collect();
    classes.map_err(|raised| {
        errors::from_python(py, raised, ErrorKind::Load, "making the classes of the library")
    })
}

impl NativeClass {
    fn info_ref(&self) -> &PluginInfo {
        &self.library.info().plugins[self.plugin]
    }
}

#[pymethods]
impl NativeClass {
    /// What the descriptor says; actions are by name.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let info = pythonize::pythonize(py, self.info_ref())?;
        info.set_item("actions", describe::actions_to_python(py, &self.info_ref().actions)?)?;
        Ok(info)
    }

    /// The optional methods that it has.
    #[getter]
    fn offers(&self) -> Vec<&'static str> {
        self.library.offers(self.plugin)
    }

    fn create(&self, py: Python<'_>) -> PyResult<NativeInstance> {
        let instance = self.library.create(self.plugin).or_raise(py)?;
        Ok(NativeInstance { handle: Arc::new(Handle::new(py, instance)?) })
    }
}

/// An instance and its actions by name.
pub(crate) struct Handle {
    instance: Arc<Instance>,
    actions: Actions,
    max_payload: AtomicUsize, // bytes
}

/// A native call that does not run inline, ready for any thread: its parameters are copies.
pub(crate) struct Detached {
    handle: Arc<Handle>,
    action: u32,
    exec: Exec,
    params: Tape,
    options: CallOptions,
}

thread_local! {
    /// The tape of this thread's inline calls, kept for its memory; taken while in use, so that a
    /// call within a call gets one of its own.
    static SCRATCH: Cell<Option<Box<Tape>>> = const { Cell::new(None) };
}

impl Handle {
    fn new(py: Python<'_>, instance: Instance) -> PyResult<Self> {
        let actions = Actions::new(py, &instance.info().actions)?;
        let max_payload = AtomicUsize::new(Form::DEFAULT.max_payload);
        Ok(Self { actions, instance: Arc::new(instance), max_payload })
    }

    /// Limits what one call may pass in either direction from now on, in bytes.
    pub(crate) fn set_max_payload(&self, bytes: usize) {
        self.max_payload.store(bytes, Ordering::Relaxed);
    }

    fn form(&self) -> Form {
        self.instance.form(self.max_payload.load(Ordering::Relaxed))
    }

    /// Parameters that are copied.
    fn copied(&self, py: Python<'_>, params: Option<&Bound<'_, PyAny>>) -> Result<Tape> {
        self.copied_as("params", ErrorKind::InvalidParams, &or_empty(py, params))
    }

    fn copied_as(&self, root: &str, kind: ErrorKind, object: &Bound<'_, PyAny>) -> Result<Tape> {
        walk::copied(object, self.form(), root, kind).map_err(|error| self.named(error))
    }

    /// What a call gave, as a Python object.
    fn read<'py>(&self, py: Python<'py>, result: Result<ResultTape>) -> Result<Bound<'py, PyAny>> {
        walk::read(py, &result?).map_err(|error| self.named(error))
    }

    fn named(&self, error: Error) -> Error {
        error.with_plugin(&self.instance.info().name)
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.instance.is_busy()
    }

    /// The plugin's place of that action, and how it wants to be called.
    pub(crate) fn action(&self, name: &str) -> Result<(u32, Exec)> {
        self.actions.get(name).ok_or_else(|| {
            let plugin = &self.instance.info().name;
            Error::new(ErrorKind::NotFound, format!("plugin {plugin:?} has no action {name:?}"))
                .with_plugin(plugin)
                .with_hint(suggestion(name, self.actions.names()))
        })
    }

    /// Calls an action and waits for it.
    pub(crate) fn call<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        action: &str,
        params: Option<&Bound<'py, PyAny>>,
        limited: Option<&Limited>,
    ) -> Result<Bound<'py, PyAny>> {
        let (index, exec) = self.action(action)?;
        match exec {
            Exec::Inline => self.call_measured(py, index, params, limited),
            Exec::Stream => Err(self.yields_items(action)),
            Exec::Blocking | Exec::Async => {
                let result = interrupt::wait(py, self.detached(py, index, exec, params)?, limited);
                logging::flush(py);
                self.read(py, result)
            }
        }
    }

    /// On this thread; it cannot be given up, only measured.
    pub(crate) fn call_measured<'py>(
        &self,
        py: Python<'py>,
        action: u32,
        params: Option<&Bound<'py, PyAny>>,
        limited: Option<&Limited>,
    ) -> Result<Bound<'py, PyAny>> {
        let Some(limited) = limited else { return self.call_inline(py, action, params) };
        let began = Instant::now();
        let result = self.call_inline(py, action, params);
        limited.measure(began);
        logging::flush(py);
        result
    }

    /// On this thread with the interpreter held; texts are lent out of the Python objects.
    fn call_inline<'py>(
        &self,
        py: Python<'py>,
        action: u32,
        params: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let form = self.form();
        let mut result = ResultTape::vacant(form);
        let outcome = if self.instance.borrows() {
            let empty;
            let params = if let Some(params) = params {
                params
            } else {
                empty = PyDict::new(py).into_any();
                &empty
            };
            let call = |tape: &Tape| self.instance.call_into(action, tape, &mut result);
            SCRATCH.with(|scratch| {
                let mut tape = scratch.take().unwrap_or_default();
                tape.reset(form);
                let outcome = walk::lent(params, &mut tape, call);
                scratch.set(Some(tape));
                outcome
            })
        } else {
            self.instance.call_into(action, &self.copied(py, params)?, &mut result)
        };
        logging::flush(py);
        outcome.and_then(|()| walk::read(py, &result)).map_err(|error| self.named(error))
    }

    /// Makes a call that can run on any thread.
    pub(crate) fn detached(
        self: &Arc<Self>,
        py: Python<'_>,
        action: u32,
        exec: Exec,
        params: Option<&Bound<'_, PyAny>>,
    ) -> Result<Detached> {
        self.instance.ensure_same_process(action)?; // after a fork the pool's threads are gone: never wait for them
        let params = self.copied(py, params)?;
        let options = CallOptions { caller: services::caller(py), ..CallOptions::default() };
        Ok(Detached { handle: Arc::clone(self), action, exec, params, options })
    }

    /// Opens an action that yields items.
    pub(crate) fn open(
        &self,
        py: Python<'_>,
        action: &str,
        params: Option<&Bound<'_, PyAny>>,
    ) -> Result<Stream> {
        let (index, exec) = self.action(action)?;
        if exec != Exec::Stream {
            let (verb, call) = self.way(action);
            return Err(stream::yields_nothing(verb, &call));
        }
        self.instance.ensure_same_process(index)?;
        self.instance.open(index, &self.copied(py, params)?)
    }

    /// Whether that action yields items.
    fn is_stream(&self, action: &str) -> bool {
        self.actions.get(action).is_some_and(|(_, exec)| exec == Exec::Stream)
    }

    /// Closes the streams that are open.
    pub(crate) fn close_streams(&self) {
        self.instance.close_streams();
    }

    /// The error for a stream that was called like another action.
    #[cold]
    pub(crate) fn yields_items(&self, action: &str) -> Error {
        let (verb, call) = self.way(action);
        stream::yields_items(verb, &call)
    }

    fn way<'a>(&'a self, action: &'a str) -> (Verb, Named<'a>) {
        let info = self.instance.info();
        let verb = match info.category {
            Category::Connection => Verb::Perform,
            Category::Action => Verb::Execute,
        };
        (verb, Named::new(&info.name, action))
    }

    /// The plugin's own problems with the parameters; empty if it does not tell.
    pub(crate) fn problems(
        &self,
        py: Python<'_>,
        action: &str,
        params: Option<&Bound<'_, PyAny>>,
    ) -> Result<Vec<String>> {
        let (index, _) = self.action(action)?;
        let params = self.copied(py, params)?;
        let Some(result) = py.detach(|| self.instance.validate(index, &params))? else {
            return Ok(Vec::new());
        };
        let problems = walk::read(py, &result)?;
        problems.extract().map_err(|_| {
            Error::new(ErrorKind::Execution, "validate() did not answer with a list of texts")
        })
    }
}

/// The parameters, or an empty dict in their place.
pub(crate) fn or_empty<'py>(
    py: Python<'py>,
    params: Option<&Bound<'py, PyAny>>,
) -> Bound<'py, PyAny> {
    params.map_or_else(|| PyDict::new(py).into_any(), Bound::clone)
}

impl Detached {
    /// A call that another plugin makes.
    pub(crate) fn within(
        handle: &Arc<Handle>,
        (action, exec): (u32, Exec),
        params: Tape,
        caller: Caller,
    ) -> Self {
        let options = CallOptions::within(caller);
        Self { handle: Arc::clone(handle), action, exec, params, options }
    }

    /// Whether it runs as a task of its library.
    pub(crate) fn is_async(&self) -> bool {
        self.exec == Exec::Async
    }

    /// The plugin that makes the call, if one does.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.options.caller.as_ref()
    }

    /// Whether it occupies a thread while it runs.
    pub(crate) fn is_blocking(&self) -> bool {
        self.exec == Exec::Blocking
    }

    /// Runs one that is not async here; the interpreter should not be held.
    pub(crate) fn run(self) -> Result<ResultTape> {
        self.handle.instance.call_with(self.action, &self.params, self.options)
    }

    /// Runs one that was waiting for a thread, unless nobody waits for it any more.
    fn run_in(self, _place: &Stay) -> Result<ResultTape> {
        if self.options.cancel.is_set() {
            return Err(interrupt::unwanted());
        }
        self.run()
    }

    /// Begins it: a blocking one on the pool, an async one as a task of its library, an inline one
    /// here and now. `done` gets the outcome. When what is returned is dropped before, the plugin is
    /// told, and an async action ends early. `attempt` is told before `done` that it ended.
    pub(crate) fn start(
        mut self,
        attempt: Option<Arc<Attempt>>,
        done: impl FnOnce(Result<ResultTape>) + Send + 'static,
    ) -> Result<Pending> {
        if let Some(attempt) = &attempt {
            self.options.deadline = Instant::now().checked_add(attempt.limit());
        }
        let done = move |result| {
            if let Some(attempt) = attempt {
                attempt.end();
            }
            done(result);
        };
        let cancel = self.options.cancel.clone();
        let task = match self.exec {
            Exec::Async => {
                let Self { handle, action, params, options, .. } = self;
                Some(handle.instance.start_with(action, &params, options, done)?)
            }
            Exec::Blocking => {
                let place = self.handle.instance.reserve(self.action)?;
                interrupt::on_pool(move || self.run_in(&place), done)?;
                None
            }
            Exec::Inline | Exec::Stream => {
                done(self.run());
                None
            }
        };
        Ok(Pending::new(cancel, task))
    }
}

/// An instance of a native plugin.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct NativeInstance {
    handle: Arc<Handle>,
}

impl NativeInstance {
    /// Tells it which manager runs it, and under which name.
    pub(crate) fn settle(&self, services: Arc<dyn Services>, name: &str) {
        self.handle.instance.settle(services, name);
    }

    /// Whether its library says how it is.
    pub(crate) fn tells_health(&self) -> bool {
        self.handle.instance.tells_health()
    }

    pub(crate) fn handle(&self) -> Arc<Handle> {
        Arc::clone(&self.handle)
    }

    /// Asks a question the plugin may not answer.
    fn ask(
        &self,
        py: Python<'_>,
        question: fn(&Instance) -> Result<Option<bool>>,
    ) -> PyResult<bool> {
        let answer = py.detach(|| question(&self.handle.instance)).or_raise(py)?;
        Ok(answer.unwrap_or(true))
    }
}

#[pymethods]
impl NativeInstance {
    fn initialize(&self, py: Python<'_>, config: &Bound<'_, PyAny>) -> PyResult<()> {
        let config = self.handle.copied_as("config", ErrorKind::Config, config).or_raise(py)?;
        py.detach(|| self.handle.instance.initialize(&config)).or_raise(py)
    }

    fn cleanup(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.handle.instance.cleanup()).or_raise(py)
    }

    fn health(&self, py: Python<'_>) -> PyResult<bool> {
        self.ask(py, Instance::health)
    }

    fn save_state<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let saved = py.detach(|| self.handle.instance.save_state()).or_raise(py)?;
        saved.map(|state| self.handle.read(py, Ok(state)).or_raise(py)).transpose()
    }

    fn load_state(&self, py: Python<'_>, state: &Bound<'_, PyAny>) -> PyResult<()> {
        let state = self.handle.copied_as("state", ErrorKind::Execution, state).or_raise(py)?;
        py.detach(|| self.handle.instance.load_state(&state)).or_raise(py)?;
        Ok(())
    }

    fn reconfigure(&self, py: Python<'_>, config: &Bound<'_, PyAny>) -> PyResult<()> {
        let config = self.handle.copied_as("config", ErrorKind::Config, config).or_raise(py)?;
        py.detach(|| self.handle.instance.reconfigure(&config)).or_raise(py)?;
        Ok(())
    }

    fn is_configured(&self, py: Python<'_>) -> PyResult<bool> {
        self.ask(py, Instance::is_configured)
    }

    fn configure(&self, py: Python<'_>) -> PyResult<bool> {
        self.ask(py, Instance::configure)
    }

    #[pyo3(signature = (action, params=None))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        action: &str,
        params: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.handle.is_stream(action) {
            return self.call_async(
                py,
                action.to_owned(),
                params.map(|params| params.clone().unbind()),
            );
        }
        self.handle.call(py, action, params, None).or_raise(py)
    }

    #[pyo3(signature = (action, params=None))]
    fn call_async<'py>(
        &self,
        py: Python<'py>,
        action: String,
        params: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = Request::Direct { handle: self.handle(), action };
        if self.handle.is_stream(request.action()) {
            return Ok(Bound::new(py, CallStream::new(request, params))?.into_any());
        }
        Ok(Bound::new(py, CallCoroutine::new(request, params))?.into_any())
    }

    #[pyo3(signature = (action, params=None))]
    fn validate(
        &self,
        py: Python<'_>,
        action: &str,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<String>> {
        self.handle.problems(py, action, params).or_raise(py)
    }
}
