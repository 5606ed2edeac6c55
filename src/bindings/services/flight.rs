//! A native call that another plugin began: under way until it ends, its time is up, or nobody waits.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use pyo3_async_runtimes::tokio::get_runtime;
use tokio::task::{AbortHandle, spawn_blocking};
use zerepy_core::Result;
use zerepy_native::{Done, Pending, ResultTape, Undo};

use super::calls::Outgoing;
use crate::call::limited;
use crate::coroutine::HostedCall;
use crate::limited::Limited;
use crate::native::Detached;

/// Shared by whoever may end it: the library, the clock, and the plugin that began it.
pub(super) struct Flight {
    landing: Mutex<Option<Landing>>, // taken by the first to end it
    pending: Mutex<Option<Pending>>, // dropped, it tells the plugin that nobody waits
}

/// What is due at the end.
struct Landing {
    outgoing: Outgoing,
    hosted: HostedCall,
    done: Done,
    clock: Option<AbortHandle>,
}

impl Flight {
    /// Begins it. What is returned says that nobody waits for it any more.
    pub(super) fn begin(
        outgoing: Outgoing,
        hosted: HostedCall,
        work: Detached,
        done: Done,
    ) -> Undo {
        let cancel = outgoing.cancel_flag().clone();
        let limited = limited(&hosted, None);
        let landing = Landing { outgoing, hosted, done, clock: None };
        let flight =
            Arc::new(Self { landing: Mutex::new(Some(landing)), pending: Mutex::default() });
        match limited {
            Some(limited) if work.is_async() || work.is_blocking() => {
                flight.set_clock(limited.clone(), work.is_blocking());
                flight.start(work, Some(&limited));
            }
            Some(limited) => {
                let began = Instant::now();
                flight.start(work, None);
                limited.measure(began); // inline: it cannot be given up
            }
            None => flight.start(work, None),
        }
        Box::new(move || {
            cancel.set();
            flight.abandon();
        })
    }

    fn start(self: &Arc<Self>, work: Detached, limited: Option<&Limited>) {
        let attempt = limited.map(|limited| Arc::clone(limited.attempt()));
        let landing = Arc::clone(self);
        match work.start(attempt, move |outcome| landing.end(outcome)) {
            Ok(pending) => {
                *self.pending.lock() = Some(pending);
                if self.landing.lock().is_none() {
                    self.abandon(); // it ended meanwhile
                }
            }
            Err(error) => self.end(Err(error)),
        }
    }

    /// Has it told of as slow, and given up when its time is up.
    fn set_clock(self: &Arc<Self>, limited: Limited, is_blocking: bool) {
        let flight = Arc::clone(self);
        let clock = get_runtime().spawn(async move {
            let attempt = limited.attempt();
            tokio::time::sleep(attempt.slow_after()).await;
            let slow = limited.clone();
            spawn_blocking(move || slow.warn()); // it may run handlers
            tokio::time::sleep(attempt.limit().saturating_sub(attempt.slow_after())).await;
            spawn_blocking(move || flight.give_up(&limited, is_blocking)); // as above
        });
        if let Some(landing) = self.landing.lock().as_mut() {
            landing.clock = Some(clock.abort_handle());
        }
    }

    fn give_up(&self, limited: &Limited, is_blocking: bool) {
        if limited.attempt().give_up() {
            self.end(Err(limited.error(is_blocking)));
            self.abandon();
        }
    }

    fn end(&self, outcome: Result<ResultTape>) {
        let Some(landing) = self.landing.lock().take() else { return };
        let Landing { outgoing, hosted, done, clock } = landing;
        if let Some(clock) = clock {
            clock.abort();
        }
        let outcome = outgoing.account(hosted, outcome);
        outgoing.land(outcome, done);
    }

    fn abandon(&self) {
        let pending = self.pending.lock().take();
        drop(pending); // not under the lock: it calls the library
    }
}
