//! One plugin in a host: what it is, how it is configured, where in its life it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwapOption, Guard};
use parking_lot::Mutex;

use crate::call::Watch;
use crate::graph::Node;
use crate::health::Health;
use crate::overrun::{Attempt, Overruns};
use crate::policy::{Permit, Rules};
use crate::retry::Retry;
use crate::{
    Class, Config, Error, ErrorKind, Failure, Instance, Limits, PluginState, Registered, Result,
    Stage, StateCell, Status, Usage,
};

/// One plugin in a host. Its state is read by every call, and moved by the lifecycle alone.
pub(crate) struct Entry<C: Class> {
    pub(crate) registered: Arc<Registered<C>>,
    pub(crate) config: Result<Config>,
    pub(crate) state: StateCell,
    pub(crate) instance: ArcSwapOption<C::Instance>,
    pub(crate) usage: Arc<Usage>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) overruns: Arc<Overruns>,
    pub(crate) health: Arc<Health>,
    /// When it is tried again, and how often it was; `None` if nothing asked for it.
    pub(crate) retry: Mutex<Option<Retry>>,
    /// Whether it was asked to start, and not to stop since.
    pub(crate) wanted: AtomicBool,
    /// The cleanup that was given up, and may still be running.
    pub(crate) given_up: Mutex<Option<Arc<Attempt>>>,
    pub(crate) limits: Limits,
    /// When its actions may run, and which are repeated; nothing for most plugins.
    pub(crate) rules: Option<Rules>,
    failure: Mutex<Option<Arc<Failure>>>,
}

/// What a call is given that a plugin takes.
pub(crate) struct Admitted<C: Class> {
    instance: Guard<Option<Arc<C::Instance>>>,
    pub(crate) permit: Option<Permit>,
}

impl<C: Class> Admitted<C> {
    pub(crate) fn instance(&self) -> &Arc<C::Instance> {
        self.instance.as_ref().expect("without an instance no call is admitted")
    }
}

impl<C: Class> Entry<C> {
    pub(crate) fn new(
        registered: Arc<Registered<C>>,
        config: Result<Config>,
        watch: &Arc<Watch>,
        defaults: Limits,
    ) -> Self {
        let usage = watch.monitor.usage(&registered.info.name);
        let overruns = Overruns::new(&registered.info.name, &usage, watch);
        Self {
            usage,
            overruns: Arc::new(overruns),
            health: Arc::default(),
            retry: Mutex::default(),
            wanted: AtomicBool::new(false),
            given_up: Mutex::default(),
            rules: config.as_ref().ok().and_then(|config| Rules::new(&registered.info, config)),
            limits: config.as_ref().map_or(defaults, |config| defaults.of(config)),
            watch: Arc::clone(watch),
            registered,
            config,
            state: StateCell::new(PluginState::Discovered),
            instance: ArcSwapOption::empty(),
            failure: Mutex::new(None),
        }
    }

    /// Takes up where `other` is, in `state`, with its failure and all that is under way.
    pub(crate) fn continue_from(&mut self, other: &Self, state: PluginState) {
        self.state = StateCell::new(state);
        self.instance = ArcSwapOption::new(other.instance.load_full());
        self.overruns = Arc::clone(&other.overruns);
        self.health = Arc::clone(&other.health);
        *self.retry.get_mut() = *other.retry.lock();
        *self.wanted.get_mut() = other.wanted.load(Ordering::SeqCst);
        self.given_up.get_mut().clone_from(&other.given_up.lock());
        self.set_failure(other.failure());
    }

    pub(crate) fn name(&self) -> &str {
        &self.registered.info.name
    }

    /// Moves to `next`, or says which state forbids it.
    pub(crate) fn advance(&self, next: PluginState) -> Result<PluginState> {
        self.state.advance(next).map_err(|now| {
            let name = self.name();
            Error::new(
                ErrorKind::State,
                format!("plugin {name:?} is {now} and cannot become {next}"),
            )
            .with_plugin(name)
        })
    }

    /// Whether its state allows a start.
    pub(crate) fn is_startable(&self) -> bool {
        self.state.get().may_become(PluginState::Initializing)
    }

    /// The configuration, unless it is invalid; that of a disabled plugin may be, unnoticed.
    pub(crate) fn usable_config(&self) -> Result<&Config> {
        match &self.config {
            Ok(Config { invalid: Some(error), .. }) | Err(error) => Err(error.clone()),
            Ok(config) => Ok(config),
        }
    }

    /// It is not to be started any more by itself; whether it was to be tried again.
    pub(crate) fn want_no_more(&self) -> bool {
        self.wanted.store(false, Ordering::SeqCst);
        *self.retry.lock() = None;
        self.state.get() == PluginState::Retrying
    }

    /// The limits of an instance's life: one that is bound to its thread has none.
    pub(crate) fn limits_of(&self, instance: &C::Instance) -> Limits {
        if instance.is_bound_to_thread() {
            return Limits { initialize: None, cleanup: None, ..self.limits };
        }
        self.limits
    }

    /// The instance, if it takes calls.
    pub(crate) fn running(&self) -> Option<Arc<C::Instance>> {
        let running = self.state.get() == PluginState::Running;
        self.instance.load_full().filter(|_| running)
    }

    pub(crate) fn as_node(&self) -> Node<'_> {
        let info = &self.registered.info;
        Node { name: &info.name, version: &info.version, requires: &info.requires }
    }

    pub(crate) fn status(&self) -> Status {
        Status {
            info: self.registered.info.clone(),
            kind: self.registered.kind,
            origin: self.registered.origin.clone(),
            state: self.state.get(),
            complaint: self.complaint(),
            failure: self.failure(),
        }
    }

    /// Why it is not well though it runs.
    fn complaint(&self) -> Option<String> {
        self.running()?;
        let wedged = self.overruns.wedged().map(|error| error.message().to_owned());
        wedged.or_else(|| self.health.complaint())
    }

    pub(crate) fn failure(&self) -> Option<Arc<Failure>> {
        self.failure.lock().clone()
    }

    pub(crate) fn set_failure(&self, failure: Option<Arc<Failure>>) {
        *self.failure.lock() = failure;
    }

    /// A failure of this plugin.
    pub(crate) fn fail(&self, stage: Stage, error: Error) -> Failure {
        let error = error.with_plugin(self.name());
        let (plugin, origin) = (Some(self.name().to_owned()), self.registered.origin.clone());
        Failure { stage, plugin, origin, error }
    }

    /// Counts a call in and lends the instance, with the permit of the action if it needs one, or
    /// says why the plugin does not take it.
    pub(crate) fn admit(&self, action: &str) -> Result<Admitted<C>> {
        self.usage.admission.admit(|| {
            let running = self.state.get() == PluginState::Running;
            let instance = self.instance.load();
            if !running || instance.is_none() {
                return Err(self.not_running());
            }
            match self.overruns.wedged() {
                None => Ok(Admitted { instance, permit: self.permit(action)? }),
                Some(wedged) => Err(wedged),
            }
        })
    }

    #[inline]
    fn permit(&self, action: &str) -> Result<Option<Permit>> {
        self.rules.as_ref().map_or(Ok(None), |rules| rules.enter(self.name(), action))
    }

    #[cold]
    pub(crate) fn not_running(&self) -> Error {
        let (name, state) = (self.name(), self.state.get());
        let hint = match state {
            PluginState::Registered => "Start it first: call start_plugins()".to_owned(),
            PluginState::Stopped | PluginState::Stopping => {
                format!("It was stopped: start it again with start_plugins({name:?})")
            }
            PluginState::Disabled => format!("Switch it on with enable({name:?}), then start it"),
            PluginState::Failed | PluginState::Skipped => match self.failure() {
                Some(failure) if failure.stage == Stage::Cleanup => {
                    format!("It failed to clean up: {}", failure.error)
                }
                Some(failure) if failure.stage == Stage::Health => failure.error.to_string(),
                Some(failure) => format!("It did not start: {}", failure.error),
                None => "See manager.failures".to_owned(),
            },
            PluginState::Retrying => {
                let why = self.failure().map(|failure| failure.error.message().to_owned());
                format!("It is tried again by itself: {}", why.unwrap_or_default())
            }
            _ => "Wait until it runs".to_owned(),
        };
        Error::new(
            ErrorKind::State,
            format!("plugin {name:?} is {state}; it must be running to be called"),
        )
        .with_plugin(name)
        .with_hint(hint)
    }
}
