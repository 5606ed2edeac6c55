//! Letting what keeps failing alone for a while.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{BreakerPolicy, Busy};
use crate::Outcome;
use crate::names::counted;

/// A circuit breaker: closed while calls succeed, open after so many failures in a row, and then
/// half open: one call is let through and decides.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Calls run; so many failed in a row.
    Closed(u32),
    /// Calls are refused until then; the first after that is the probe.
    Open(Instant),
    /// The probe is running.
    Probing,
}

impl Breaker {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        let pause = Duration::try_from_secs_f64(policy.pause).unwrap_or_default();
        Self { failures: policy.failures.get(), pause, state: Mutex::new(State::Closed(0)) }
    }

    /// Lets a call through, or says when to come again.
    pub(super) fn enter(&self, now: Instant) -> Result<(), Busy> {
        let mut state = self.state.lock();
        let retry_after = match *state {
            State::Closed(_) => return Ok(()),
            State::Open(until) if until <= now => {
                *state = State::Probing;
                return Ok(());
            }
            State::Open(until) => until - now,
            State::Probing => self.pause,
        };
        let times = counted(self.failures as usize, "time");
        let why = format!("failed {times} in a row and is left alone for a while");
        Err(Busy { why, retry_after })
    }

    /// A call that was let through came to this.
    pub(super) fn record(&self, outcome: Outcome, now: Instant) {
        let mut state = self.state.lock();
        *state = match (outcome, *state) {
            (Outcome::Success, State::Closed(_) | State::Probing) => State::Closed(0),
            (Outcome::Failure | Outcome::Timeout, State::Closed(failed)) => {
                let failed = failed + 1;
                if failed >= self.failures { self.open(now) } else { State::Closed(failed) }
            }
            (Outcome::Failure | Outcome::Timeout, State::Probing) => self.open(now),
            // It says nothing about the action: the next call is the probe.
            (_, State::Probing) => State::Open(now),
            (_, state) => state,
        };
    }

    fn open(&self, now: Instant) -> State {
        now.checked_add(self.pause).map_or(State::Probing, State::Open)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    fn breaker() -> Breaker {
        Breaker::new(BreakerPolicy { failures: NonZeroU32::new(3).unwrap(), pause: 30.0 })
    }

    /// A call at that time, if it is let through.
    fn call(breaker: &Breaker, outcome: Outcome, now: Instant) -> bool {
        let entered = breaker.enter(now).is_ok();
        if entered {
            breaker.record(outcome, now);
        }
        entered
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let (breaker, now) = (breaker(), Instant::now());
        for outcome in [Outcome::Failure, Outcome::Timeout, Outcome::Success, Outcome::Failure] {
            assert!(call(&breaker, outcome, now));
        }
        assert!(call(&breaker, Outcome::Abandoned, now) && call(&breaker, Outcome::Failure, now));
        assert_eq!(*breaker.state.lock(), State::Closed(2));
        assert!(call(&breaker, Outcome::Failure, now));
        let refused = breaker.enter(now + Duration::from_secs(10)).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(20));
        assert_eq!(refused.why, "failed 3 times in a row and is left alone for a while");
    }

    fn opened(now: Instant) -> Breaker {
        let breaker = breaker();
        for _ in 0..3 {
            assert!(call(&breaker, Outcome::Failure, now));
        }
        breaker
    }

    #[test]
    fn one_call_probes_it_and_decides() {
        let now = Instant::now();
        let (breaker, later) = (opened(now), now + PAUSE);
        breaker.enter(later).unwrap();
        assert!(breaker.enter(later).is_err(), "one at a time");
        breaker.record(Outcome::Failure, later);
        assert_eq!(breaker.enter(later).unwrap_err().retry_after, PAUSE);
        assert!(call(&breaker, Outcome::Success, later + PAUSE));
        assert_eq!(*breaker.state.lock(), State::Closed(0));
    }

    #[test]
    fn a_probe_that_says_nothing_leaves_it_to_the_next() {
        let now = Instant::now();
        let (breaker, later) = (opened(now), now + PAUSE);
        assert!(call(&breaker, Outcome::Abandoned, later));
        assert!(call(&breaker, Outcome::Success, later));
    }

    #[test]
    fn calls_that_began_before_it_opened_change_nothing() {
        let now = Instant::now();
        let breaker = opened(now);
        breaker.record(Outcome::Success, now);
        assert!(breaker.enter(now).is_err());
    }
}
