//! One call with hooks around it: before the action, the action, after it. The action of a stream
//! goes on until its items end, however they do.
//!
//! It decides neither the order of the hooks nor what becomes of their errors: both stand in the
//! core. A call that nobody has hooks for does not come here.

mod awaited;

use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerepy_core::{Consequence, Error, Hook, OnError, Placed, Result};
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

pub(crate) use awaited::{HookedCall, Kept};

/// Whether anybody has hooks for calls of this plugin; asked on every call.
#[inline]
pub(crate) fn is_wanted(host: &PluginHost, instance: &PluginInstance) -> bool {
    host.hooks().watch_actions() || instance.has_action_hooks()
}

/// What of a call stays as it is: lent by a call that ends where it begins, kept by an awaited one.
pub(crate) struct Scene<'a> {
    pub(crate) sets: &'a [Arc<Placed<Watcher>>],
    pub(crate) instance: &'a PluginInstance,
    pub(crate) verb: Verb,
    pub(crate) named: Named<'a>,
    pub(crate) limited: Option<&'a Limited>, // of the action; hooks have no limit
    pub(crate) yields: bool,                 // whether the action is a stream
}

impl Scene<'_> {
    /// All sets, and as the innermost owner the plugin itself.
    fn owners(&self) -> usize {
        self.sets.len() + 1
    }

    fn owner(&self, at: usize) -> (&Methods, OnError) {
        self.sets
            .get(at)
            .map_or((self.instance.hooks(), OnError::Raise), |it| (&it.set.0, it.on_error))
    }

    /// What was raised at this moment, as the core's error.
    #[cold]
    fn failure(&self, py: Python<'_>, moment: Moment, raised: PyErr) -> Error {
        let hook = match moment {
            Moment::Before(_) => Hook::PreAction,
            Moment::Action => return self.named.failure(py, raised),
            Moment::After(_) => Hook::PostAction,
        };
        hook::failure(hook, self.instance.object().bind(py), raised)
    }
}

/// Goes through all of it, waiting for whatever is async.
pub(crate) fn run<'py>(
    py: Python<'py>,
    scene: &Scene<'_>,
    params: Option<&Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    let mut around = Around::new(py, params);
    while let Some(made) = around.next(py, scene, false) {
        let settled = made.and_then(|value| match around.moment {
            Moment::Action => Ok(value), // waited for where it was called
            moment => awaitable::settle(value, || scene.named.to_string())
                .map_err(|raised| scene.failure(py, moment, raised)),
        });
        around.take(py, scene, settled);
    }
    around.finish(py, scene)
}

/// Where a call is between its hooks. Hooks' owners are numbered from the outside.
#[derive(Clone, Copy)]
enum Moment {
    /// Before the action; the turn is that owner's.
    Before(usize),
    Action,
    /// After the action; so many owners' turns are still to come, innermost first.
    After(usize),
}

/// How far a call and its hooks have come.
struct Around {
    params: Py<PyAny>, // as the hooks left them
    moment: Moment,
    began: Option<Instant>, // of the action, if somebody wants to know
    seconds: f64,
    outcome: Option<Result<Py<PyAny>>>,
    problems: Vec<Error>,
    pending: Option<Pending>, // dropped with this, it ends an async native action early
    arguments: Option<Arguments>, // of the hooks whose turn it is, while they stay the same
}

impl Around {
    fn new(py: Python<'_>, params: Option<&Bound<'_, PyAny>>) -> Self {
        Self {
            params: or_empty(py, params).unbind(),
            moment: Moment::Before(0),
            began: None,
            seconds: 0.0,
            outcome: None,
            problems: Vec::new(),
            pending: None,
            arguments: None,
        }
    }

    /// Does the next thing there is, and returns what it made; `None` when all is done.
    fn next<'py>(
        &mut self,
        py: Python<'py>,
        scene: &Scene<'_>,
        awaited: bool,
    ) -> Option<Result<Bound<'py, PyAny>>> {
        loop {
            let (hook, at, then) = match self.moment {
                Moment::Before(at) if at == scene.owners() => {
                    self.moment = Moment::Action;
                    self.arguments = None;
                    return Some(self.act(py, scene, awaited));
                }
                Moment::Before(at) => (Hook::PreAction, at, Moment::Before(at + 1)),
                Moment::Action | Moment::After(0) => return None,
                Moment::After(left) => (Hook::PostAction, left - 1, Moment::After(left - 1)),
            };
            let owner = scene.owner(at).0;
            if owner.has(hook, matches!(self.outcome, Some(Err(_)))) {
                let returned = owner.begin(py, hook, self.arguments(py, scene));
                let failure = |raised| scene.failure(py, self.moment, raised);
                return Some(returned.map_err(failure));
            }
            self.moment = then;
        }
    }

    fn arguments(&mut self, py: Python<'_>, scene: &Scene<'_>) -> &mut Arguments {
        let outcome = self.outcome.as_ref();
        self.arguments.get_or_insert_with(|| {
            let call = CallArguments {
                action: scene.named.text(py),
                params: self.params.clone_ref(py),
                result: outcome.and_then(|it| it.as_ref().ok()).map(|it| it.clone_ref(py)),
                seconds: self.seconds,
            };
            let error = outcome.and_then(|outcome| outcome.as_ref().err());
            Arguments::new(py, scene.instance, error, Some(call))
        })
    }

    fn act<'py>(
        &mut self,
        py: Python<'py>,
        scene: &Scene<'_>,
        awaited: bool,
    ) -> Result<Bound<'py, PyAny>> {
        let timed = (0..scene.owners()).any(|at| scene.owner(at).0.take_duration());
        self.began = timed.then(Instant::now);
        let (target, params) = (scene.instance.target(), Some(self.params.bind(py)));
        let Scene { verb, named, limited, .. } = *scene;
        if scene.yields {
            let items = target.open(py, verb, &named, params, limited)?;
            let items =
                CallStream::of(py, items, limited.cloned()).and_then(|items| Bound::new(py, items));
            return items.map(Bound::into_any).map_err(|raised| named.failure(py, raised));
        }
        if !awaited {
            return target.call(py, verb, &named, params, limited);
        }
        match target.begin(py, verb, &named, params, limited)? {
            First::Done(value) | First::Awaitable(value) => Ok(value),
            First::Elsewhere(work) => {
                let failure = |raised| named.failure(py, raised);
                let (asked, pending) = submit(py, work, limited.cloned()).map_err(failure)?;
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
    fn is_yielding(&self, scene: &Scene<'_>) -> bool {
        scene.yields && matches!(self.moment, Moment::Action)
    }

    /// Takes in what came of the last thing, now that it has been waited for.
    fn take(&mut self, py: Python<'_>, scene: &Scene<'_>, value: Result<Bound<'_, PyAny>>) {
        match self.moment {
            Moment::Before(at) => {
                let stopped = value
                    .and_then(|params| self.replace_params(py, scene, &params))
                    .is_err_and(|error| self.is_stopped_by(scene, error, Hook::PreAction, at));
                // Those whose turn has not come see nothing of the call.
                self.moment = if stopped { Moment::After(at + 1) } else { Moment::Before(at + 1) };
            }
            Moment::Action => {
                self.seconds = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
                self.outcome = Some(value.map(Bound::unbind));
                self.pending = None;
                self.moment = Moment::After(scene.owners());
            }
            Moment::After(left) => {
                if let Err(error) = value {
                    self.is_stopped_by(scene, error, Hook::PostAction, left - 1);
                }
                self.moment = Moment::After(left - 1);
            }
        }
    }

    fn replace_params(
        &mut self,
        py: Python<'_>,
        scene: &Scene<'_>,
        returned: &Bound<'_, PyAny>,
    ) -> Result<()> {
        if returned.is_none() {
            return Ok(());
        }
        if returned.is_instance_of::<PyDict>() {
            self.params = returned.clone().unbind();
            self.arguments = None;
        } else {
            let class = returned.get_type();
            let message = format!("it must return a dict of new params or None, not {class}");
            return Err(scene.failure(py, self.moment, PyTypeError::new_err(message)));
        }
        Ok(())
    }

    /// Deals with a hook's error; whether the action must not happen.
    #[cold]
    fn is_stopped_by(&mut self, scene: &Scene<'_>, error: Error, hook: Hook, at: usize) -> bool {
        match scene.owner(at).1.judge(hook, &error) {
            Consequence::Stop if hook == Hook::PreAction => {
                self.outcome = Some(Err(error));
                self.arguments = None;
                return true;
            }
            Consequence::Stop | Consequence::Report => self.problems.push(error),
            Consequence::Ignore => {}
        }
        false
    }

    /// The action's result, or what failed: of several failures the first one says the kind.
    fn finish<'py>(self, py: Python<'py>, scene: &Scene<'_>) -> Result<Bound<'py, PyAny>> {
        logging::flush(py);
        let (result, failed) = match self.outcome {
            Some(Ok(result)) if self.problems.is_empty() => return Ok(result.into_bound(py)),
            Some(Err(error)) => (None, Some(error)),
            outcome => (outcome.and_then(Result::ok), None),
        };
        let errors: Vec<_> = failed.into_iter().chain(self.problems).collect();
        let kind = errors.first().map(Error::kind);
        match kind.and_then(|kind| Error::join(kind, &scene.named.to_string(), errors)) {
            Some(error) => Err(error),
            None => Ok(result.unwrap_or_else(|| py.None()).into_bound(py)),
        }
    }
}
