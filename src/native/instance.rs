//! An instance of a native plugin, and its calls: the only way into a library's code once loaded.
//!
//! It keeps the ABI's thread rules whatever its callers do, so that misuse is an error and never
//! undefined. The state of the lifecycle at large is not its business.

mod changes;
mod refusals;

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use zerepy_core::{Exec, PluginInfo, Result};
use zerepy_plugin_abi::{FfiOwnedTape, FfiTape, status};

use crate::completion::{Reading, Stay};
use crate::descriptor::Encoding;
use crate::failure::{PluginError, Step};
use crate::gate::{Closed, Gate, Inside};
use crate::handshake::{Ask, Call, Functions};
use crate::services::{Frame, Scope, Waits};
use crate::stream::{self, Opened, Stream};
use crate::task::{self, Task};
use crate::{CallOptions, Form, Library, ResultTape, Services, Tape, fork};

/// The minor version of the ABI since which there are packed arrays.
const PACKED_SINCE: u16 = 2;

/// One instance of a plugin.
///
/// Any method may be called from any thread; those that cannot run now answer with a `State` error
/// at once, and so do all of them in a process forked off after the instance was made. Dropping it
/// frees it without cleaning it up.
#[derive(Debug)]
pub struct Instance {
    functions: Functions,
    handle: *mut c_void,
    gate: Gate,
    streams: Mutex<Vec<Weak<Opened>>>, // those that are open, among others
    generation: u32,
    is_inline: Box<[bool]>, // by action
    plugin: usize,
    encoding: Encoding,
    library: Arc<Library>,
    scope: Arc<Scope>,
    inline: Arc<Frame>, // of all inline calls from outside
}

// SAFETY: the ABI allows every function on any thread, and the gate keeps apart what must not run
// at the same time.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    pub(crate) fn create(
        library: Arc<Library>,
        plugin: usize,
        functions: Functions,
    ) -> Result<Self> {
        let info = &library.info().plugins[plugin];
        let is_inline = info.actions.iter().map(|action| action.exec == Exec::Inline).collect();
        let mut handle = ptr::null_mut();
        let mut error = PluginError::new();
        // SAFETY: both places live for the time of the call.
        let status = unsafe { (functions.create)(&raw mut handle, error.as_mut_ptr()) };
        if status != status::OK {
            return Err(error.to_error(Step::Create, info));
        }
        let (gate, generation) = (Gate::new(), fork::generation());
        let streams = Mutex::default();
        let encoding = library.info().encoding;
        let scope = Scope::new(&info.name);
        let inline = Frame::inline(&scope);
        Ok(Self {
            functions,
            handle,
            gate,
            streams,
            generation,
            is_inline,
            plugin,
            encoding,
            library,
            scope,
            inline,
        })
    }

    /// The form of the values that it takes, up to `max_payload` bytes.
    #[must_use]
    pub fn form(&self, max_payload: usize) -> Form {
        let info = self.library.info();
        let packed = info.abi.1 >= PACKED_SINCE || self.encoding == Encoding::Msgpack;
        Form { max_payload, packed }
    }

    /// Whether it takes values that are lent, which is what saves copies.
    #[must_use]
    pub fn borrows(&self) -> bool {
        self.encoding == Encoding::Tape
    }

    /// What is known of its plugin.
    #[must_use]
    pub fn info(&self) -> &PluginInfo {
        &self.library.info().plugins[self.plugin]
    }

    /// Tells it which host it is in, and under which name; the first one stays.
    pub fn settle(&self, services: Arc<dyn Services>, name: &str) -> bool {
        self.scope.settle(services, name)
    }

    /// Makes it ready for calls; `config` holds a map.
    ///
    /// # Errors
    /// What the plugin answers; `State` if it is initialized already, or something is running.
    pub fn initialize(&self, config: &Tape) -> Result<()> {
        let step = Step::Initialize;
        self.check_process(step)?;
        let mut room = None;
        let config = self.encoded(config, &mut room)?;
        let alone = self.gate.fill().map_err(|closed| self.closed(closed, step))?;
        let mut error = PluginError::new();
        self.scope.open();
        // SAFETY: the instance is alive and nobody else is in it; the tape lives for the call.
        let status = self.serve_step(|| unsafe {
            (self.functions.initialize)(self.handle, &raw const config, error.as_mut_ptr())
        });
        if status != status::OK {
            self.scope.close();
            return Err(error.to_error(step, self.info()));
        }
        alone.done();
        Ok(())
    }

    /// Undoes [`initialize`](Self::initialize); does nothing if it is not initialized. If the plugin
    /// answers with an error the instance stays initialized, and this may be called again.
    ///
    /// # Errors
    /// What the plugin answers, as `Cleanup` if it just failed; `State` if something is running.
    pub fn cleanup(&self) -> Result<()> {
        let step = Step::Cleanup;
        self.check_process(step)?;
        let alone = match self.gate.empty() {
            Ok(alone) => alone,
            Err(Closed::Empty) => return Ok(()),
            Err(closed) => return Err(self.closed(closed, step)),
        };
        let mut error = PluginError::new();
        // SAFETY: the instance is alive and nobody else is in it.
        let status = self
            .serve_step(|| unsafe { (self.functions.cleanup)(self.handle, error.as_mut_ptr()) });
        if status != status::OK {
            return Err(error.to_error(step, self.info()));
        }
        self.scope.close();
        alone.done();
        Ok(())
    }

    /// Performs the action at that place in [`PluginInfo::actions`].
    ///
    /// # Errors
    /// What the plugin answers; `State` if it is not initialized; `NotFound` for an action it does
    /// not have; `InvalidParams` unless `params` holds one whole value.
    #[inline]
    pub fn call(&self, action: u32, params: &Tape) -> Result<ResultTape> {
        let mut result = ResultTape::vacant(params.form());
        self.call_into(action, params, &mut result)?;
        Ok(result)
    }

    /// The same, with the result where it stays: a place of the caller's.
    ///
    /// # Errors
    /// As for [`call`](Self::call); there is nothing in the place then.
    #[inline]
    pub fn call_into(&self, action: u32, params: &Tape, result: &mut ResultTape) -> Result<()> {
        let step = Step::Act(action);
        let _inside = self.enter(step, action)?;
        let run = || self.run_into(self.functions.call, step, action, params, result);
        if self.is_inline(action) && Frame::is_outside() {
            self.inline.serve(run)
        } else {
            self.frame(action, CallOptions::default()).serve(run)
        }
    }

    /// Like [`call`](Self::call), for a caller that may stop waiting, or for another plugin.
    ///
    /// # Errors
    /// As for [`call`](Self::call).
    pub fn call_with(
        &self,
        action: u32,
        params: &Tape,
        options: CallOptions,
    ) -> Result<ResultTape> {
        let step = Step::Act(action);
        let _inside = self.enter(step, action)?;
        let frame = self.frame(action, options);
        frame.serve(|| self.run(self.functions.call, step, action, params))
    }

    /// Takes a place for a call that another thread will make: it is in the instance from now on, so
    /// that nobody cleans up meanwhile.
    ///
    /// # Errors
    /// As for [`call`](Self::call), if it could not be called now.
    pub fn reserve(self: &Arc<Self>, action: u32) -> Result<Stay> {
        self.enter(Step::Act(action), action)?.stay();
        Ok(Stay(Arc::clone(self)))
    }

    /// Begins an async action. `done` gets its outcome, on a thread of the library's, perhaps before
    /// this returns; dropping the task asks the library to end it early.
    ///
    /// # Errors
    /// As for [`call`](Self::call), if it cannot be started; `done` is dropped uncalled then, unless
    /// the library breaks the ABI and gives an outcome as well.
    pub fn start(
        self: &Arc<Self>,
        action: u32,
        params: &Tape,
        done: impl FnOnce(Result<ResultTape>) + Send + 'static,
    ) -> Result<Task> {
        self.start_with(action, params, CallOptions::default(), done)
    }

    /// Like [`start`](Self::start), for a caller that may stop waiting, or for another plugin.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_with(
        self: &Arc<Self>,
        action: u32,
        params: &Tape,
        options: CallOptions,
        done: impl FnOnce(Result<ResultTape>) + Send + 'static,
    ) -> Result<Task> {
        let inside = self.enter(Step::Act(action), action)?;
        let Some(tasks) = self.functions.tasks else { return Err(self.no_such_action(action)) };
        let (form, mut room) = (params.form(), None);
        let params = self.encoded(params, &mut room)?;
        let frame = self.frame(action, options);
        task::start(self, &inside, tasks, action, (params, form), frame, done)
    }

    /// Whether an action runs on its caller's thread, and must not wait.
    #[inline]
    fn is_inline(&self, action: u32) -> bool {
        self.is_inline.get(action as usize).is_some_and(|is_inline| *is_inline)
    }

    fn frame(&self, action: u32, options: CallOptions) -> Arc<Frame> {
        let exec = self.info().actions.get(action as usize).map(|action| action.exec);
        let waits = match exec {
            Some(Exec::Inline) => Waits::Never,
            Some(Exec::Async) => Waits::Later,
            _ => Waits::Freely,
        };
        Frame::call(&self.scope, options, waits)
    }

    /// Serves a step that is no action: nobody gives it up.
    fn serve_step<T>(&self, work: impl FnOnce() -> T) -> T {
        Frame::call(&self.scope, CallOptions::default(), Waits::Freely).serve(work)
    }

    /// The tape to pass: that of the value, or one in `room` with it as the library's encoding.
    #[inline]
    fn encoded(&self, value: &Tape, room: &mut Option<Tape>) -> Result<FfiTape> {
        let tape = match self.encoding {
            Encoding::Tape => value.to_ffi(),
            Encoding::Msgpack => value.to_msgpack().and_then(|tape| room.insert(tape).to_ffi()),
        };
        tape.map_err(|error| self.unwritable(error))
    }

    /// How the library writes a result, and what of it is accepted.
    #[inline]
    pub(crate) const fn reading(&self, form: Form) -> Reading {
        (self.encoding, form)
    }

    /// Opens a stream: an action whose items are asked for one by one.
    ///
    /// # Errors
    /// As for [`call`](Self::call), if it cannot be opened.
    pub fn open(self: &Arc<Self>, action: u32, params: &Tape) -> Result<Stream> {
        let inside = self.enter(Step::Act(action), action)?;
        let Some(streams) = self.functions.streams else { return Err(self.no_such_action(action)) };
        let (form, mut room) = (params.form(), None);
        let params = self.encoded(params, &mut room)?;
        // The interpreter may be held: nothing may wait.
        self.inline.serve(|| stream::open(self, &inside, streams, action, (params, form)))
    }

    /// Closes every stream that is open; whoever asks for an item of one gets a `State` error.
    pub fn close_streams(&self) {
        let streams = std::mem::take(&mut *self.streams.lock());
        streams.iter().filter_map(Weak::upgrade).for_each(|stream| stream.stop());
    }

    /// Keeps track of a stream.
    pub(crate) fn remember(&self, stream: &Arc<Opened>) {
        let mut streams = self.streams.lock();
        if streams.len() == streams.capacity() {
            streams.retain(|stream| stream.strong_count() > 0); // seldom: before the list grows
        }
        streams.push(Arc::downgrade(stream));
    }

    /// The instance as its library knows it.
    pub(crate) fn handle(&self) -> *mut c_void {
        self.handle
    }

    /// Lets out a started action or a stream that has ended.
    pub(crate) fn leave(&self) {
        self.gate.leave();
    }

    /// A list of texts, one for each problem with the parameters; `None` if the plugin has no
    /// such check.
    ///
    /// # Errors
    /// As for [`call`](Self::call).
    pub fn validate(&self, action: u32, params: &Tape) -> Result<Option<ResultTape>> {
        let step = Step::Validate(action);
        let _inside = self.enter(step, action)?;
        let Some(validate) = self.functions.validate else { return Ok(None) };
        self.serve_step(|| self.run(validate, step, action, params)).map(Some)
    }

    /// Whether the plugin has what it needs to work; `None` if it does not say.
    ///
    /// This and the two questions below may also be asked before `initialize`: a plugin that cannot
    /// answer then says so with an error of its own.
    pub fn is_configured(&self) -> Result<Option<bool>> {
        self.ask(self.functions.is_configured, "is_configured")
    }

    /// Sets the plugin up; whether it is configured then, or `None` if it cannot be set up.
    pub fn configure(&self) -> Result<Option<bool>> {
        self.ask(self.functions.configure, "configure")
    }

    /// Whether the plugin says how it is.
    #[must_use]
    pub fn tells_health(&self) -> bool {
        self.functions.health.is_some()
    }

    /// Whether the plugin is well; `None` if it does not say.
    pub fn health(&self) -> Result<Option<bool>> {
        self.ask(self.functions.health, "health")
    }

    fn run(&self, function: Call, step: Step, action: u32, params: &Tape) -> Result<ResultTape> {
        let mut result = ResultTape::vacant(params.form());
        self.run_into(function, step, action, params, &mut result)?;
        Ok(result)
    }

    /// Runs a function that has a result, which the library writes where it stays.
    #[inline]
    fn run_into(
        &self,
        function: Call,
        step: Step,
        action: u32,
        params: &Tape,
        result: &mut ResultTape,
    ) -> Result<()> {
        let mut room = None;
        let params = self.encoded(params, &mut room)?;
        let mut error = PluginError::new();
        // SAFETY: the instance is alive and initialized, and stays so while the caller is inside
        // the gate; the action exists; the tape and both places live for the time of the call. What
        // the plugin writes, it hands over.
        let status = unsafe {
            result.receive(self.encoding, |result| {
                function(self.handle, action, &raw const params, result, error.as_mut_ptr())
            })
        };
        match status {
            Ok(status::OK) => Ok(()),
            Ok(_) => Err(error.to_error(step, self.info())),
            Err(broken) => Err(self.unreadable(broken, step)),
        }
    }

    /// What a function wrote, or the error that it answered with.
    #[inline]
    fn taken(
        &self,
        status: i32,
        result: FfiOwnedTape,
        form: Form,
        error: &PluginError,
        step: Step,
    ) -> Result<ResultTape> {
        // SAFETY: the plugin wrote it, and hands it over, whether it failed or not.
        let result = unsafe { ResultTape::take(result, self.encoding, form) };
        if status != status::OK {
            return Err(error.to_error(step, self.info()));
        }
        result.map_err(|broken| self.unreadable(broken, step))
    }

    fn ask(&self, question: Option<Ask>, name: &'static str) -> Result<Option<bool>> {
        let step = Step::Ask(name);
        self.check_process(step)?;
        let _inside = self.gate.ask().map_err(|closed| self.closed(closed, step))?;
        let Some(question) = question else { return Ok(None) };
        let mut error = PluginError::new();
        // SAFETY: the instance is alive, and neither being initialized nor cleaned up.
        match self.serve_step(|| unsafe { question(self.handle, error.as_mut_ptr()) }) {
            status::YES => Ok(Some(true)),
            status::OK => Ok(Some(false)),
            _ => Err(error.to_error(step, self.info())),
        }
    }

    /// Whether anything is running in it.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.gate.is_idle()
    }

    /// Tells beforehand what `call` would answer in a forked child: for a caller that is about to
    /// wait for another thread, which the child does not have.
    ///
    /// # Errors
    /// `State` if this process was forked off after the instance was made.
    pub fn ensure_same_process(&self, action: u32) -> Result<()> {
        self.check_process(Step::Act(action))
    }

    /// Lets a call of `action` in.
    #[inline]
    fn enter(&self, step: Step, action: u32) -> Result<Inside<'_>> {
        if action as usize >= self.is_inline.len() {
            return Err(self.no_such_action(action));
        }
        if self.generation != fork::generation() {
            return Err(self.forked(step));
        }
        self.gate.enter().map_err(|closed| self.closed(closed, step))
    }

    fn check_process(&self, step: Step) -> Result<()> {
        if self.generation == fork::generation() { Ok(()) } else { Err(self.forked(step)) }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if self.generation != fork::generation() {
            return; // it is the parent's; what it needs, such as threads, does not exist here
        }
        self.scope.close();
        if self.gate.is_idle() {
            // SAFETY: nobody is inside, and this is the last use of it.
            unsafe { (self.functions.destroy)(self.handle) };
        } else {
            let plugin = self.info().name.as_str();
            tracing::warn!(plugin, "an instance is not freed: calls are still running in it");
        }
    }
}
