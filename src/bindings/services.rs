//! What a manager does for its native plugins: events, numbers, and calls of other plugins.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use zerepy_core::{Call, Error, ErrorKind, Exec, Metrics, Monitor, Pattern, Result};
use zerepy_native::{
    Caller, CancelFlag, Done, Form, Pending, ResultTape, ServiceCall, Services, Subscriber, Tape,
    Undo,
};

use crate::call::{Conclusion, limited};
use crate::class::PluginClass;
use crate::environment::PluginHost;
use crate::events::{Handler, Handlers};
use crate::limited::Limited;
use crate::native::Detached;
use crate::target::{Named, Verb};
use crate::{background, call, exit, interrupt, walk};

/// How often a wait looks whether it is still wanted.
const POLL: Duration = Duration::from_millis(50);

type HostedCall = Call<PluginClass, String>;

/// The services of one manager. It does not keep the manager alive.
pub(crate) struct ManagerServices {
    host: OnceLock<Weak<PluginHost>>,
    handlers: Arc<Handlers>,
    monitor: Arc<Monitor>,
}

impl ManagerServices {
    pub(crate) fn new(handlers: Arc<Handlers>, monitor: Arc<Monitor>) -> Self {
        Self { host: OnceLock::new(), handlers, monitor }
    }

    /// Connects it, once the host stands.
    pub(crate) fn connect(&self, host: &Arc<PluginHost>) {
        let _ = self.host.set(Arc::downgrade(host));
    }

    /// Counts a call in.
    fn admit(&self, call: &ServiceCall<'_>) -> Result<HostedCall> {
        if exit::is_ending() {
            return Err(Error::new(ErrorKind::State, "the interpreter is ending: no more calls"));
        }
        let host = self.host.get().and_then(Weak::upgrade).ok_or_else(|| {
            Error::new(ErrorKind::State, "the plugin manager does not exist any more")
        })?;
        host.admit(call.plugin, call.action.to_owned())
    }
}

impl Services for ManagerServices {
    fn publish(&self, source: &str, name: &str, data: Tape) -> Result<()> {
        if !self.handlers.subscriptions.any() {
            return Ok(());
        }
        let (handlers, source, name) =
            (Arc::clone(&self.handlers), source.to_owned(), name.to_owned());
        background::submit(move || handlers.deliver_queued(&name, &source, &data))
    }

    fn subscribe(&self, pattern: &str, subscriber: Subscriber) -> Result<Undo> {
        let pattern = Pattern::parse(pattern)?;
        let id =
            self.handlers.subscriptions.subscribe(pattern, Handler::Native(Arc::new(subscriber)));
        let handlers = Arc::downgrade(&self.handlers);
        Ok(Box::new(move || {
            if let Some(handlers) = handlers.upgrade() {
                handlers.subscriptions.remove(&[id]);
            }
        }))
    }

    fn metrics(&self, plugin: &str) -> Arc<Metrics> {
        self.monitor.metrics(plugin)
    }

    fn call(&self, call: ServiceCall<'_>) -> Result<ResultTape> {
        let hosted = self.admit(&call)?;
        let outcome = Work::new(&hosted, call.params, &call.caller)
            .and_then(|work| work.wait(&hosted, &call.caller));
        account(hosted, outcome)
    }

    fn start(&self, call: ServiceCall<'_>, done: Done) -> Result<Pending> {
        let hosted = self.admit(&call)?;
        let work = match Work::new(&hosted, call.params, &call.caller) {
            Ok(work) => work,
            Err(error) => return account(hosted, Err(error)),
        };
        work.start(hosted, call.caller, done)
    }
}

/// Accounts for a call by what it came to, and passes that on.
fn account<T>(call: HostedCall, outcome: Result<T>) -> Result<T> {
    let outcome = outcome.map_err(|error| error.with_plugin(call.plugin()));
    match &outcome {
        Ok(_) => call.conclude_ok(),
        Err(error) => call.conclude_failed(error),
    }
    outcome
}

/// A call that was let in, by what it goes to.
enum Work {
    Native(Detached),
    Python { verb: Verb, params: Tape },
}

impl Work {
    fn new(call: &HostedCall, params: Tape, caller: &Caller) -> Result<Self> {
        let target = call.instance().target();
        let verb = target.verb();
        if verb == Verb::Execute && call.action() != "execute" {
            let (plugin, action) = (call.plugin(), call.action());
            let message = format!("plugin {plugin:?} has no action {action:?}");
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_hint("An action plugin has one action, \"execute\""));
        }
        let Some(handle) = target.native(verb) else { return Ok(Self::Python { verb, params }) };
        let (index, exec) = handle.action(call.action())?;
        if exec == Exec::Stream {
            return Err(handle.yields_items(call.action()));
        }
        Ok(Self::Native(Detached::within(handle, (index, exec), params, caller.clone())))
    }

    /// Does it and waits for it; the interpreter is not held.
    fn wait(self, call: &HostedCall, caller: &Caller) -> Result<ResultTape> {
        match self {
            Self::Native(work) if work.is_async() => {
                wait_for(work, caller, limited(call, None).as_ref())
            }
            Self::Native(work) => work.run(),
            Self::Python { verb, params } => call_python(call, verb, &params, caller),
        }
    }

    /// Begins it; what may wait does so on a thread of the pool.
    fn start(self, call: HostedCall, caller: Caller, done: Done) -> Result<Pending> {
        let work = match self {
            Self::Native(work) => return start_native(work, call, done),
            Self::Python { verb, params } => move || {
                let outcome = call_python(&call, verb, &params, &caller);
                account(call, outcome)
            },
        };
        interrupt::on_pool(work, done)?;
        Ok(Pending::new(CancelFlag::default(), None))
    }
}

fn start_native(work: Detached, call: HostedCall, done: Done) -> Result<Pending> {
    let call_attempt = call.attempt(None);
    let call = Arc::new(Mutex::new(Some(call)));
    let hosted = Arc::clone(&call);
    let conclude = move |outcome| {
        let call = hosted.lock().take();
        done(call.map_or_else(
            || Err(call::worker_died(&"it answered twice")),
            |call| account(call, outcome),
        ));
    };
    work.start(call_attempt, Box::new(conclude)).or_else(|error| {
        let call = call.lock().take(); // what was not started has no outcome
        call.map_or_else(|| Err(error.clone()), |call| account(call, Err(error.clone())))
    })
}

/// Waits for an async action, as long as its limit says and anybody waits for its caller.
fn wait_for(work: Detached, caller: &Caller, limited: Option<&Limited>) -> Result<ResultTape> {
    let (sender, receiver) = sync_channel(1);
    let attempt = limited.map(|limited| Arc::clone(limited.attempt()));
    let deadline = attempt.as_ref().and_then(|it| Instant::now().checked_add(it.limit()));
    let _pending = work.start(attempt, Box::new(move |result| drop(sender.send(result))))?;
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Timeout) if caller.is_cancelled() => {
                return Err(Error::new(
                    ErrorKind::Interrupted,
                    "nobody waits for the call any more",
                ));
            }
            Err(RecvTimeoutError::Timeout) => {
                let late = limited.filter(|_| deadline.is_some_and(|it| it <= Instant::now()));
                if let Some(limited) = late.filter(|limited| limited.attempt().give_up()) {
                    return Err(limited.error(false)); // it ends early with what is dropped here
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(call::worker_died(&"it sent no answer"));
            }
        }
    }
}

fn call_python(
    call: &HostedCall,
    verb: Verb,
    params: &Tape,
    caller: &Caller,
) -> Result<ResultTape> {
    let caller = caller.through(call.plugin());
    let outcome = Python::try_attach(|py| {
        let named = Named::new(call.plugin(), call.action());
        let params = walk::read_tape(py, params)?;
        let result = within(py, caller, || {
            let limited = limited(call, None);
            call.instance().target().call(py, verb, &named, Some(&params), limited.as_ref())
        })?;
        let tape = walk::copied(&result, Form::DEFAULT, "result", ErrorKind::Execution)?;
        ResultTape::from_host(tape).map_err(Error::from)
    });
    outcome.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::State, "the interpreter is ending: no more calls"))
    })
}

/// The calls within which Python code was called; a context variable takes it into coroutines and
/// threads that the code starts.
#[pyclass(frozen)]
struct Chain(Caller);

static CHAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn within<T>(py: Python<'_>, caller: Caller, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let failed = |raised: PyErr| Error::new(ErrorKind::Execution, raised.to_string());
    let chain = CHAIN.get_or_try_init(py, || {
        let class = py.import("contextvars")?.getattr("ContextVar")?;
        class.call1(("zerepy_plugins.chain",)).map(Bound::unbind)
    });
    let chain = chain.map_err(failed)?.bind(py);
    let token = Bound::new(py, Chain(caller)).and_then(|it| chain.call_method1("set", (it,)));
    let token = token.map_err(failed)?;
    let outcome = body();
    let reset = chain.call_method1("reset", (token,));
    reset.map_err(failed)?;
    outcome
}

/// The plugin on whose behalf Python code is calling, if it is one.
pub(crate) fn caller(py: Python<'_>) -> Option<Caller> {
    let chain = CHAIN.get(py).and_then(|chain| {
        let found = chain.bind(py).call_method1("get", (py.None(),)).ok()?;
        Some(found.cast::<Chain>().ok()?.get().0.clone())
    });
    chain.or_else(Caller::current)
}
