//! One call with hooks around it: before the action, the action, after it. The action of a stream
//! goes on until its items end, however they do.
//!
//! It decides neither the order of the hooks nor what becomes of their errors: both stand in the
//! core. A call that nobody has hooks for does not come here.

mod awaited;

use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerepy_core::{Consequence, Error, Hook, OnError, Result, Sets};
use zerepy_native::Pending;

use crate::coroutine::submit;
use crate::environment::PluginHost;
use crate::hook::{self, Arguments, CallArguments, Methods, Watcher};
use crate::instance::PluginInstance;
use crate::limited::Limited;
use crate::meeting::Asked;
use crate::native::or_empty;
use crate::stream::CallStream;
use crate::target::{First, Named, Verb};
use crate::{awaitable, logging};

pub(crate) use awaited::HookedCall;

/// Where a call is between its hooks. Hooks' owners are numbered from the outside.
#[derive(Clone, Copy)]
enum Moment {
    /// Before the action; the turn is that owner's.
    Before(usize),
    Action,
    /// After the action; so many owners' turns are still to come, innermost first.
    After(usize),
}

/// A call, its hooks, and how far they have come.
pub(crate) struct Around {
    sets: Arc<Sets<Watcher>>,
    instance: Arc<PluginInstance>,
    verb: Verb,
    plugin: String,
    action: String,
    params: Py<PyAny>, // as the hooks left them
    moment: Moment,
    began: Instant,
    seconds: f64,
    outcome: Option<Result<Py<PyAny>>>,
    problems: Vec<Error>,
    pending: Option<Pending>, // dropped with this, it ends an async native action early
    limited: Option<Limited>, // of the action; hooks have no limit
    yields: bool,             // whether the action is a stream
}

impl Around {
    /// Whether anybody has hooks for calls of this plugin; asked on every call.
    #[inline]
    pub(crate) fn is_wanted(host: &PluginHost, instance: &PluginInstance) -> bool {
        host.hooks().watch_actions() || instance.has_action_hooks()
    }

    #[cold]
    pub(crate) fn new(
        py: Python<'_>,
        host: &PluginHost,
        instance: &Arc<PluginInstance>,
        verb: Verb,
        named: &Named<'_>,
        params: Option<&Bound<'_, PyAny>>,
        limited: Option<Limited>,
    ) -> Self {
        Self {
            sets: host.hooks().sets(),
            instance: Arc::clone(instance),
            verb,
            plugin: named.plugin.to_owned(),
            action: named.action.to_owned(),
            params: or_empty(py, params).unbind(),
            moment: Moment::Before(0),
            began: Instant::now(),
            seconds: 0.0,
            outcome: None,
            problems: Vec::new(),
            pending: None,
            limited,
            yields: false,
        }
    }

    /// Goes through all of it, waiting for whatever is async.
    #[cold]
    pub(crate) fn run(mut self, py: Python<'_>) -> Result<Bound<'_, PyAny>> {
        while let Some(made) = self.next(py, false) {
            let settled = made.and_then(|value| match self.moment {
                Moment::Action => Ok(value), // waited for where it was called
                _ => awaitable::settle(value, || self.named().to_string())
                    .map_err(|raised| self.failure(py, raised)),
            });
            self.take(py, settled);
        }
        self.finish(py)
    }

    /// A coroutine that goes through all of it.
    #[cold]
    pub(crate) fn into_coroutine(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let call = HookedCall::new(self);
        py.import(intern!(py, "zerepy_plugins._loop"))?.call_method1(intern!(py, "drive"), (call,))
    }

    /// An async generator that goes through all of it, and passes on the items of the action.
    #[cold]
    pub(crate) fn into_items(mut self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        self.yields = true;
        let (module, call) = (intern!(py, "zerepy_plugins._streams"), HookedCall::new(self));
        py.import(module)?.call_method1(intern!(py, "items_within"), (call,))
    }

    fn named(&self) -> Named<'_> {
        Named::new(&self.plugin, &self.action)
    }

    /// All sets, and as the innermost owner the plugin itself.
    fn owners(&self) -> usize {
        self.sets.len() + 1
    }

    fn owner(&self, at: usize) -> (&Methods, OnError) {
        self.sets
            .get(at)
            .map_or((self.instance.hooks(), OnError::Raise), |it| (&it.set.0, it.on_error))
    }

    /// Does the next thing there is, and returns what it made; `None` when all is done.
    fn next<'py>(&mut self, py: Python<'py>, awaited: bool) -> Option<Result<Bound<'py, PyAny>>> {
        loop {
            let (hook, at, then) = match self.moment {
                Moment::Before(at) if at == self.owners() => {
                    self.moment = Moment::Action;
                    return Some(self.act(py, awaited));
                }
                Moment::Before(at) => (Hook::PreAction, at, Moment::Before(at + 1)),
                Moment::Action | Moment::After(0) => return None,
                Moment::After(left) => (Hook::PostAction, left - 1, Moment::After(left - 1)),
            };
            match self.begin(py, hook, at) {
                Some(made) => return Some(made.map_err(|raised| self.failure(py, raised))),
                None => self.moment = then,
            }
        }
    }

    fn begin<'py>(
        &self,
        py: Python<'py>,
        hook: Hook,
        at: usize,
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        let outcome = self.outcome.as_ref();
        let call = CallArguments {
            action: &self.action,
            params: &self.params,
            result: outcome.and_then(|outcome| outcome.as_ref().ok()),
            seconds: self.seconds,
        };
        let arguments = Arguments {
            plugin: self.instance.object().bind(py),
            config: &self.instance.config(py),
            error: outcome.and_then(|outcome| outcome.as_ref().err()),
            call: Some(call),
        };
        self.owner(at).0.begin(hook, &arguments)
    }

    fn act<'py>(&mut self, py: Python<'py>, awaited: bool) -> Result<Bound<'py, PyAny>> {
        self.began = Instant::now();
        let (target, params) = (self.instance.target(), self.params.bind(py));
        if self.yields {
            let limited = self.limited.as_ref();
            let items = target.open(py, self.verb, &self.named(), Some(params), limited)?;
            let items = CallStream::of(py, items, self.limited.clone())
                .and_then(|items| Bound::new(py, items));
            return items.map(Bound::into_any).map_err(|raised| self.failure(py, raised));
        }
        if !awaited {
            return target.call(py, self.verb, &self.named(), Some(params), self.limited.as_ref());
        }
        match target.begin(py, self.verb, &self.named(), Some(params), self.limited.as_ref())? {
            First::Done(value) | First::Awaitable(value) => Ok(value),
            First::Elsewhere(work) => {
                let failure = |raised| self.named().failure(py, raised);
                let (asked, pending) = submit(py, work, self.limited.clone()).map_err(failure)?;
                let there = match asked {
                    Asked::There(result) => result.map_err(failure)?,
                    Asked::Waiting(future) => Some(future),
                };
                self.pending = Some(pending);
                Ok(there.unwrap_or_else(|| py.None().into_bound(py)))
            }
        }
    }

    /// Whether what was made last is items to be passed on.
    fn is_yielding(&self) -> bool {
        self.yields && matches!(self.moment, Moment::Action)
    }

    /// What was raised at this moment, as the core's error.
    fn failure(&self, py: Python<'_>, raised: PyErr) -> Error {
        let hook = match self.moment {
            Moment::Before(_) => Hook::PreAction,
            Moment::Action => return self.named().failure(py, raised),
            Moment::After(_) => Hook::PostAction,
        };
        hook::failure(hook, self.instance.object().bind(py), raised)
    }

    /// Takes in what came of the last thing, now that it has been waited for.
    fn take(&mut self, py: Python<'_>, value: Result<Bound<'_, PyAny>>) {
        match self.moment {
            Moment::Before(at) => {
                let stopped = value
                    .and_then(|params| self.replace_params(py, &params))
                    .is_err_and(|error| self.is_stopped_by(error, Hook::PreAction, at));
                // Those whose turn has not come see nothing of the call.
                self.moment = if stopped { Moment::After(at + 1) } else { Moment::Before(at + 1) };
            }
            Moment::Action => {
                self.seconds = self.began.elapsed().as_secs_f64();
                self.outcome = Some(value.map(Bound::unbind));
                self.pending = None;
                self.moment = Moment::After(self.owners());
            }
            Moment::After(left) => {
                if let Err(error) = value {
                    self.is_stopped_by(error, Hook::PostAction, left - 1);
                }
                self.moment = Moment::After(left - 1);
            }
        }
    }

    fn replace_params(&mut self, py: Python<'_>, returned: &Bound<'_, PyAny>) -> Result<()> {
        if returned.is_instance_of::<PyDict>() {
            self.params = returned.clone().unbind();
        } else if !returned.is_none() {
            let class = returned.get_type();
            let message = format!("it must return a dict of new params or None, not {class}");
            return Err(self.failure(py, PyTypeError::new_err(message)));
        }
        Ok(())
    }

    /// Deals with a hook's error; whether the action must not happen.
    fn is_stopped_by(&mut self, error: Error, hook: Hook, at: usize) -> bool {
        match self.owner(at).1.judge(hook, &error) {
            Consequence::Stop if hook == Hook::PreAction => {
                self.outcome = Some(Err(error));
                return true;
            }
            Consequence::Stop | Consequence::Report => self.problems.push(error),
            Consequence::Ignore => {}
        }
        false
    }

    /// The action's result, or what failed: of several failures the first one says the kind.
    fn finish(self, py: Python<'_>) -> Result<Bound<'_, PyAny>> {
        logging::flush(py);
        let headline = self.named().to_string();
        let (result, failed) = match self.outcome {
            Some(Ok(result)) => (Some(result), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let errors: Vec<_> = failed.into_iter().chain(self.problems).collect();
        let kind = errors.first().map(Error::kind);
        match kind.and_then(|kind| Error::join(kind, &headline, errors)) {
            Some(error) => Err(error),
            None => Ok(result.unwrap_or_else(|| py.None()).into_bound(py)),
        }
    }
}
