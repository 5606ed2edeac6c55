//! Bringing plugins up: side by side, each as soon as all that it needs is settled.
//!
//! With a limit, `initialize` runs on another thread; without one, as where a plugin is bound to its
//! thread, on the thread that starts, one
//! after another. Everything else (creating, hooks, events) runs on the thread that starts.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use crate::bring_up::Rising;
use crate::entry::Entry;
use crate::flight::Flight;
use crate::patience::Patience;
use crate::start::dependencies;
use crate::{Class, Error, ErrorKind, Host, Instance, PluginState, Result, Stage};

/// So many plugins are initialized side by side.
const MAX_SIDE_BY_SIDE: usize = 8;

type Outcome = (String, Result<()>);

/// One start of several plugins.
struct Launch<'h, C: Class> {
    host: &'h Host<C>,
    waiting: VecDeque<Arc<Entry<C>>>,
    flights: HashMap<String, (Flight, Rising<C>)>,
    /// The names of those that are waiting or in flight.
    open: HashSet<String>,
    started: HashSet<String>,
    sender: Sender<Outcome>,
    receiver: Receiver<Outcome>,
}

impl<C: Class> Host<C> {
    /// Starts these, which stand in the order of their dependencies; returns the names of those
    /// that came up, in that order. Only an interruption is an error.
    pub(crate) fn launch(&self, order: Vec<Arc<Entry<C>>>) -> Result<Vec<String>> {
        let names: Vec<_> = order.iter().map(|entry| entry.name().to_owned()).collect();
        let before = self.started.lock().len();
        let (sender, receiver) = channel();
        let mut launch = Launch {
            host: self,
            waiting: order.into(),
            flights: HashMap::new(),
            open: names.iter().cloned().collect(),
            started: HashSet::new(),
            sender,
            receiver,
        };
        let outcome = launch.run();
        // In the order of the graph, whichever was faster: stopping is the exact reverse.
        let place = |entry: &Arc<Entry<C>>| names.iter().position(|name| name == entry.name());
        self.started.lock()[before..].sort_by_key(place);
        let started = launch.started;
        outcome.map(|()| names.into_iter().filter(|name| started.contains(name)).collect())
    }

    /// Puts an instance that came up into its place, or keeps why it did not; whether it came up.
    fn settle(
        &self,
        rising: Rising<C>,
        result: Option<Result<()>>,
        given_up: bool,
    ) -> Result<bool> {
        let (entry, instance) = (Arc::clone(&rising.entry), Arc::clone(&rising.instance));
        if let Err(error) = self.finish(rising, result, given_up) {
            return self.did_not_start(&entry, error);
        }
        entry.overruns.forget();
        entry.health.reset();
        entry.usage.recent.forget();
        *entry.retry.lock() = None;
        entry.instance.store(Some(instance));
        self.started.lock().push(Arc::clone(&entry));
        self.move_to(&entry, PluginState::Running)?;
        self.call_patrol();
        Ok(true)
    }

    fn did_not_start(&self, entry: &Arc<Entry<C>>, error: Error) -> Result<bool> {
        let failure = entry.fail(Stage::Initialize, error);
        let error = failure.error.clone();
        if error.kind() == ErrorKind::NotReady {
            self.fail(entry, failure, PluginState::Retrying);
            self.schedule_retry(entry, &error);
            return Ok(false);
        }
        self.fail(entry, failure, PluginState::Failed);
        if error.kind() == ErrorKind::Interrupted { Err(error) } else { Ok(false) }
    }
}

impl<C: Class> Launch<'_, C> {
    fn run(&mut self) -> Result<()> {
        let mut patience = Patience::new(self.host.threads.as_ref());
        let outcome = loop {
            if let Err(interrupted) = self.begin_ready() {
                break Err(interrupted);
            }
            if self.flights.is_empty() {
                return Ok(());
            }
            if let Err(interrupted) = self.attend(&mut patience) {
                break Err(interrupted);
            }
        };
        self.abandon();
        outcome
    }

    /// Begins every plugin whose dependencies are settled, as far as there is room.
    fn begin_ready(&mut self) -> Result<()> {
        let mut at = 0;
        while at < self.waiting.len() && self.flights.len() < MAX_SIDE_BY_SIDE {
            if dependencies(&self.waiting[at]).any(|name| self.open.contains(&name)) {
                at += 1;
            } else if let Some(entry) = self.waiting.remove(at) {
                self.begin(&entry)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, entry: &Arc<Entry<C>>) -> Result<()> {
        let host = self.host;
        if !entry.is_startable() {
            self.close(entry.name(), false);
        } else if let Some(error) = host.waits_for(entry) {
            host.fail(entry, entry.fail(Stage::Resolve, error), PluginState::Skipped);
            self.close(entry.name(), false);
        } else {
            host.move_to(entry, PluginState::Initializing)?;
            let created = host.remembered(entry).and_then(|found| host.create(entry, found));
            let started = match created {
                Ok(rising) => self.initialize(rising)?,
                Err(error) => Some(host.did_not_start(entry, error)?),
            };
            if let Some(started) = started {
                self.close(entry.name(), started);
            }
        }
        Ok(())
    }

    /// Initializes an instance, or begins to; whether it came up, if that is known.
    fn initialize(&mut self, mut rising: Rising<C>) -> Result<Option<bool>> {
        let (name, sender) = (rising.entry.name().to_owned(), self.sender.clone());
        let limit = rising.entry.limits_of(&rising.instance).initialize;
        let result = match (self.host.allow(&mut rising), limit) {
            (false, _) => None,
            (true, None) => Some(rising.instance.initialize()),
            (true, Some(limit)) => {
                let to = name.clone();
                match rising.fly(limit, move |result| drop(sender.send((to, result)))) {
                    Ok(flight) => {
                        self.flights.insert(name, (flight, rising));
                        return Ok(None);
                    }
                    Err(error) => Some(Err(error)),
                }
            }
        };
        self.host.settle(rising, result, false).map(Some)
    }

    /// Waits for what comes first: an outcome, or a moment to look at the clock.
    fn attend(&mut self, patience: &mut Patience<'_>) -> Result<()> {
        let next = self.flights.values().map(|(flight, _)| flight.next()).min();
        let next = next.unwrap_or_else(Instant::now);
        if let Some((name, result)) = patience.receive(&self.receiver, next)? {
            return self.land(&name, result, false);
        }
        let now = Instant::now();
        let look = |(name, (flight, _)): (&String, &mut (Flight, _))| {
            Some((name.clone(), flight.look(now)?))
        };
        let over: Vec<_> = self.flights.iter_mut().filter_map(look).collect();
        over.into_iter().try_for_each(|(name, error)| self.land(&name, Err(error), true))
    }

    fn land(&mut self, name: &str, result: Result<()>, given_up: bool) -> Result<()> {
        let Some((flight, rising)) = self.flights.remove(name) else { return Ok(()) };
        let started = self.host.settle(rising, Some(flight.conclude(result)), given_up)?;
        self.close(name, started);
        Ok(())
    }

    fn close(&mut self, name: &str, started: bool) {
        self.open.remove(name);
        if started {
            self.started.insert(name.to_owned());
        }
    }

    /// The start was interrupted: nobody waits any more for what is in flight.
    fn abandon(&mut self) {
        let given_up: Vec<_> = self.flights.extract_if(|_, (flight, _)| flight.abandon()).collect();
        for (name, (_, rising)) in given_up {
            let message = format!("initialize of plugin {name:?} was interrupted");
            let error = Error::new(ErrorKind::Interrupted, message);
            let _ = self.host.settle(rising, Some(Err(error)), true); // kept as failure
        }
        while !self.flights.is_empty() {
            let Ok((name, result)) = self.receiver.recv() else { return };
            let _ = self.land(&name, result, false); // it ended all the same, just before
        }
    }
}
