//! One thread per host for what has to happen later; there is none while nothing has.
//!
//! It knows when, not what: [`Host::attend`] does all that is due and says when something is next.

use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::{Class, Host};

/// The alarm clock of one host's thread.
#[derive(Default)]
pub(crate) struct Supervisor {
    alarm: Mutex<Alarm>,
    changed: Condvar,
}

#[derive(Default)]
struct Alarm {
    next: Option<Instant>,
    has_thread: bool,
}

impl<C: Class> Host<C> {
    /// Has [`attend`](Self::attend) called then, or earlier.
    pub(crate) fn supervise(&self, due: Instant) {
        if !self.supervisor.set(due) {
            return;
        }
        let (host, supervisor) = (Weak::clone(&self.me), Arc::clone(&self.supervisor));
        let work = Box::new(move || supervisor.run(&host));
        if let Err(error) = self.threads.spawn("zerepy-supervisor", work) {
            self.supervisor.alarm.lock().has_thread = false;
            tracing::error!(target: "zerepy_plugins.lifecycle", %error, "nothing is tried again or watched over");
        }
    }

    /// Does what is due by `now`; returns when something is due next.
    pub(crate) fn attend(&self, now: Instant) -> Option<Instant> {
        let due = [self.retry(now), self.patrol(now), self.end_replaced_later(now)];
        let next = due.into_iter().flatten().min();
        self.threads.flush();
        next
    }
}

impl Supervisor {
    /// Sets the alarm to the earlier of two times; whether a thread has to be started for it.
    fn set(&self, due: Instant) -> bool {
        let mut alarm = self.alarm.lock();
        alarm.next = Some(alarm.next.map_or(due, |next| next.min(due)));
        self.changed.notify_one();
        !std::mem::replace(&mut alarm.has_thread, true)
    }

    /// Something that was due may not be any more: the thread looks, and ends if nothing is.
    pub(crate) fn look(&self) {
        let mut alarm = self.alarm.lock();
        if alarm.has_thread {
            alarm.next = Some(Instant::now());
            self.changed.notify_one();
        }
    }

    /// Nothing is due any more.
    pub(crate) fn dismiss(&self) {
        self.alarm.lock().next = None;
        self.changed.notify_one();
    }

    fn run<C: Class>(&self, host: &Weak<Host<C>>) {
        while self.wait() {
            let Some(host) = host.upgrade() else { continue };
            if let Some(next) = host.attend(Instant::now()) {
                let mut alarm = self.alarm.lock();
                alarm.next = Some(alarm.next.map_or(next, |other| other.min(next)));
            }
        }
    }

    /// Waits for the alarm and turns it off; `false` if there is none any more: the thread is over.
    fn wait(&self) -> bool {
        let mut alarm = self.alarm.lock();
        while let Some(next) = alarm.next {
            if next <= Instant::now() {
                alarm.next = None;
                return true;
            }
            self.changed.wait_until(&mut alarm, next);
        }
        alarm.has_thread = false;
        false
    }
}
