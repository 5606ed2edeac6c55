//! One plugin's call of another: with the hooks, limits and repetitions of any other call.
//!
//! Where Python has a part in it, be it the plugin or a hook, it runs as a call from Python does;
//! only a native plugin that nobody watches is called straight.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use zerepy_core::{Error, ErrorKind, Exec, Result};
use zerepy_native::{Caller, CancelFlag, Done, Form, ResultTape, ServiceCall, Tape, Undo};

use super::chain::within;
use super::flight::Flight;
use crate::around;
use crate::call::{self, Conclusion, limited};
use crate::coroutine::HostedCall;
use crate::environment::PluginHost;
use crate::limited::{Limited, Watch};
use crate::native::Detached;
use crate::target::{Named, Verb};
use crate::{exit, interrupt, repeat, walk};

/// How often a wait looks whether it is still wanted.
const POLL: Duration = Duration::from_millis(50);

/// A call that a plugin makes, in as many attempts as the rules of its action allow.
pub(super) struct Outgoing {
    host: Arc<PluginHost>,
    plugin: String,
    action: String,
    params: Option<Tape>, // none once an attempt took them that is not to be repeated
    caller: Caller,
    cancel: CancelFlag, // set when whoever began it dropped it
}

/// What an attempt that was let in goes to.
enum Work {
    Native(Detached),
    Python(Verb, Tape),
}

impl Outgoing {
    pub(super) fn new(host: Arc<PluginHost>, call: ServiceCall<'_>) -> Self {
        let ServiceCall { plugin, action, params, caller } = call;
        let (plugin, action) = (plugin.to_owned(), action.to_owned());
        Self { host, plugin, action, params: Some(params), caller, cancel: CancelFlag::default() }
    }

    /// Makes it and waits for it; the interpreter is not held.
    pub(super) fn wait(mut self) -> Result<ResultTape> {
        let first = self.attempt();
        self.go_on(first)
    }

    /// Begins it; what may wait does so on a thread of the pool.
    pub(super) fn start(mut self, done: Done) -> Result<Undo> {
        let cancel = self.cancel.clone();
        let work = self.admit().and_then(|hosted| match self.work(&hosted) {
            Ok(work) => Ok((hosted, work)),
            Err(error) => self.account(hosted, Err(error)),
        });
        match work {
            Ok((hosted, Work::Native(work))) => {
                return Ok(Flight::begin(self, hosted, work, done));
            }
            Ok((hosted, Work::Python(verb, params))) => {
                let all = move || {
                    let outcome = self.call_python(&hosted, verb, &params);
                    let outcome = self.account(hosted, outcome);
                    self.go_on(outcome)
                };
                interrupt::on_pool(all, done)?;
            }
            Err(error) => self.land(Err(error), done),
        }
        Ok(Box::new(move || cancel.set()))
    }

    /// Hands over what the first attempt came to, or makes others on the pool.
    pub(super) fn land(self, outcome: Result<ResultTape>, done: Done) {
        let is_over = outcome.is_ok() || !self.host.may_repeat(&self.plugin);
        if is_over || !interrupt::has_pool() {
            return done(outcome);
        }
        let refused = interrupt::on_pool(move || self.go_on(outcome), done);
        debug_assert!(refused.is_ok(), "there is a pool");
    }

    /// Set, it says that nobody waits for it any more.
    pub(super) fn cancel_flag(&self) -> &CancelFlag {
        &self.cancel
    }

    /// What an attempt came to: a failure that nobody waited for says nothing about the action.
    pub(super) fn account<T>(&self, hosted: HostedCall, outcome: Result<T>) -> Result<T> {
        let failure = |error| if self.cancel.is_set() { interrupt::unwanted() } else { error };
        let outcome = outcome.map_err(|error| failure(error).with_plugin(&self.plugin));
        match &outcome {
            Ok(_) => hosted.conclude_ok(),
            Err(error) => hosted.conclude_failed(error),
        }
        outcome
    }

    /// Counts an attempt in.
    fn admit(&self) -> Result<HostedCall> {
        if exit::is_ending() {
            return Err(exit::refusal());
        }
        self.host.admit(&self.plugin, self.action.clone())
    }

    fn attempt(&mut self) -> Result<ResultTape> {
        let hosted = self.admit()?;
        let outcome = self.work(&hosted).and_then(|work| self.run(&hosted, work));
        self.account(hosted, outcome)
    }

    /// Makes further attempts, as long as the outcome is to be repeated.
    fn go_on(mut self, mut outcome: Result<ResultTape>) -> Result<ResultTape> {
        let mut repeated = 0;
        while let Some(wait) = self.wait_before_next(&outcome, repeated) {
            self.pause(wait)?;
            outcome = self.attempt();
            repeated += 1;
        }
        outcome
    }

    fn wait_before_next(&self, outcome: &Result<ResultTape>, repeated: u32) -> Option<Duration> {
        let error = outcome.as_ref().err().filter(|_| self.params.is_some())?;
        repeat::after(&self.host, &self.plugin, &self.action, error, repeated)
    }

    fn pause(&self, wait: Duration) -> Result<()> {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if self.is_unwanted() {
                return Err(interrupt::unwanted());
            } else if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(POLL));
        }
    }

    fn is_unwanted(&self) -> bool {
        self.cancel.is_set() || self.caller.is_cancelled()
    }

    /// The parameters of one attempt.
    fn take_params(&mut self) -> Result<Tape> {
        let params = self.params.take();
        let params = params.ok_or_else(|| Error::new(ErrorKind::State, "it was called already"))?;
        if self.host.may_repeat(&self.plugin) {
            self.params = Some(Tape::copy_of(params.view())?);
        }
        Ok(params)
    }

    fn work(&mut self, hosted: &HostedCall) -> Result<Work> {
        let target = hosted.instance().target();
        let verb = target.verb_for(&self.plugin, &self.action)?;
        let is_watched = around::is_wanted(&self.host, hosted.instance());
        let Some(handle) = target.native(verb).filter(|_| !is_watched) else {
            return Ok(Work::Python(verb, self.take_params()?));
        };
        let (index, exec) = handle.action(&self.action)?;
        if exec == Exec::Stream {
            return Err(handle.yields_items(&self.action));
        }
        let (params, caller) = (self.take_params()?, self.caller.clone());
        Ok(Work::Native(Detached::within(handle, (index, exec), params, caller)))
    }

    /// Does it and waits for it.
    fn run(&self, hosted: &HostedCall, work: Work) -> Result<ResultTape> {
        let work = match work {
            Work::Native(work) => work,
            Work::Python(verb, params) => return self.call_python(hosted, verb, &params),
        };
        match limited(hosted, None) {
            Some(limited) if work.is_blocking() => self.wait_for(work, Some(&limited)),
            limited if work.is_async() => self.wait_for(work, limited.as_ref()),
            limited => {
                let began = Instant::now();
                let outcome = work.run();
                if let Some(limited) = limited {
                    limited.measure(began); // inline: it cannot be given up
                }
                outcome
            }
        }
    }

    /// Has it done elsewhere, as long as its limit says and anybody waits for its caller.
    fn wait_for(&self, work: Detached, limited: Option<&Limited>) -> Result<ResultTape> {
        let (sender, receiver) = sync_channel(1);
        let is_blocking = work.is_blocking();
        let attempt = limited.map(|limited| Arc::clone(limited.attempt()));
        let mut watch = Watch::new(limited);
        let _pending = work.start(attempt, move |result| drop(sender.send(result)))?;
        loop {
            match receiver.recv_timeout(watch.pause(POLL)) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Timeout) if self.is_unwanted() => {
                    return Err(interrupt::unwanted());
                }
                // One that is async ends with what is dropped here.
                Err(RecvTimeoutError::Timeout) => watch.look(is_blocking)?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(call::worker_died(&"it sent no answer"));
                }
            }
        }
    }

    /// The call as Python makes it, with what it is given and gives back taken across.
    fn call_python(&self, hosted: &HostedCall, verb: Verb, params: &Tape) -> Result<ResultTape> {
        let caller = self.caller.through(&self.plugin, self.cancel.clone());
        let outcome = Python::try_attach(|py| {
            let named = Named::new(&self.plugin, &self.action);
            let params = walk::read_tape(py, params)?;
            let result = within(py, caller, || {
                call::run(py, &self.host, hosted, verb, &named, Some(&params), None)
            })?;
            let tape = walk::copied(&result, Form::DEFAULT, "result", ErrorKind::Execution)?;
            ResultTape::from_host(tape).map_err(Error::from)
        });
        outcome.unwrap_or_else(|| Err(exit::refusal()))
    }
}
