//! What may run when: rates, concurrency and circuit breakers of single actions.
//!
//! An action that has none of it costs nothing. Nothing here waits: what may not run now is refused
//! with the time after which it may.

mod breaker;
mod rate;
mod rules;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use breaker::Breaker;
use rate::Rate;
pub(crate) use rules::Rules;

use crate::Outcome;
use crate::names::counted;

/// What an action declares, or a user configures, about running it. All times are in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActionPolicy {
    /// Whether running it twice is as good as once: only then a call is ever repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// How often a call that failed with a retryable error is repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Calls per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<f64>,
    /// Calls that may come at once for all that; one unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// Calls that may run at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<NonZeroU32>,
    /// When to stop calling what keeps failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerPolicy>,
}

/// After so many failures in a row calls are refused for a while; then one is let through, and
/// decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Failures in a row that open it.
    pub failures: NonZeroU32,
    /// How long it stays open.
    pub pause: f64,
}

impl ActionPolicy {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This one, with what `other` says instead wherever it says something.
    #[must_use]
    pub fn overridden_by(&self, other: &Self) -> Self {
        Self {
            idempotent: other.idempotent.or(self.idempotent),
            retries: other.retries.or(self.retries),
            max_rate: other.max_rate.or(self.max_rate),
            burst: other.burst.or(self.burst),
            max_concurrent: other.max_concurrent.or(self.max_concurrent),
            breaker: other.breaker.or(self.breaker),
        }
    }
}

/// Why a call may not run now, completing "the action …", and in how many seconds it may.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Busy {
    pub(crate) why: String,
    pub(crate) retry_after: Duration,
}

/// How long somebody may wait who is refused because others are running: nobody knows when they end.
const SOON: Duration = Duration::from_millis(50);

/// The limits of one action, and how much of them is used. Safe to share.
#[derive(Debug)]
pub(crate) struct Throttle {
    rate: Option<Rate>,
    max_concurrent: Option<NonZeroU32>,
    running: AtomicU32,
    breaker: Option<Breaker>,
}

impl Throttle {
    /// What a policy limits; nothing for one that does not.
    pub(crate) fn new(policy: &ActionPolicy) -> Option<Self> {
        let rate = policy.max_rate.and_then(|per_second| Rate::new(per_second, policy.burst));
        let (max_concurrent, breaker) = (policy.max_concurrent, policy.breaker.map(Breaker::new));
        let limits = rate.is_some() || max_concurrent.is_some() || breaker.is_some();
        limits.then(|| Self { rate, max_concurrent, running: AtomicU32::new(0), breaker })
    }

    /// Lets a call in until the permit is given back, or says when to come again.
    pub(crate) fn enter(self: &Arc<Self>, now: Instant) -> Result<Permit, Busy> {
        let mut permit = self.take_place()?;
        if let Some(rate) = &self.rate {
            rate.take(now).map_err(|retry_after| Busy {
                why: format!("is limited to {rate}"),
                retry_after,
            })?;
        }
        if let Some(breaker) = &self.breaker {
            breaker.enter(now)?; // last: it may let this one through as its probe
            permit.counts = true;
        }
        Ok(permit)
    }

    fn take_place(self: &Arc<Self>) -> Result<Permit, Busy> {
        let before = self.running.fetch_add(1, Ordering::AcqRel);
        let permit =
            Permit { throttle: Arc::clone(self), counts: false, outcome: Outcome::Abandoned };
        match self.max_concurrent {
            Some(max) if before >= max.get() => {
                let times = counted(max.get() as usize, "time");
                let why = format!("runs {times} already, which is its limit");
                Err(Busy { why, retry_after: SOON }) // the permit gives the place back
            }
            _ => Ok(permit),
        }
    }
}

/// A call's place among those that may run; given back when dropped. Without an outcome the call
/// says nothing about the action.
#[derive(Debug)]
pub(crate) struct Permit {
    throttle: Arc<Throttle>,
    counts: bool, // for the breaker, which let it through
    outcome: Outcome,
}

impl Permit {
    /// The call came to this.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.throttle.running.fetch_sub(1, Ordering::AcqRel);
        if let Some(breaker) = self.throttle.breaker.as_ref().filter(|_| self.counts) {
            breaker.record(self.outcome, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn throttle(policy: serde_json::Value) -> Arc<Throttle> {
        let policy: ActionPolicy = serde_json::from_value(policy).unwrap();
        Arc::new(Throttle::new(&policy).unwrap())
    }

    #[test]
    fn what_limits_nothing_is_none() {
        for policy in [json!({}), json!({"retries": 3, "idempotent": true}), json!({"burst": 2})] {
            let policy: ActionPolicy = serde_json::from_value(policy).unwrap();
            assert!(Throttle::new(&policy).is_none());
        }
        assert!(serde_json::from_value::<ActionPolicy>(json!({"max_rat": 3})).is_err());
    }

    #[test]
    fn the_user_overrides_what_the_action_declares() {
        let declared = json!({"idempotent": true, "max_rate": 2.0, "max_concurrent": 1});
        let declared: ActionPolicy = serde_json::from_value(declared).unwrap();
        let user: ActionPolicy = serde_json::from_value(json!({"max_rate": 9.0})).unwrap();
        let both = json!({"idempotent": true, "max_rate": 9.0, "max_concurrent": 1});
        assert_eq!(serde_json::to_value(declared.overridden_by(&user)).unwrap(), both);
    }

    #[test]
    fn places_are_given_back_whatever_happens() {
        let throttle = throttle(json!({"max_concurrent": 2}));
        let now = Instant::now();
        let (first, second) = (throttle.enter(now).unwrap(), throttle.enter(now).unwrap());
        let refused = throttle.enter(now).unwrap_err();
        assert_eq!(refused.why, "runs 2 times already, which is its limit");
        first.finish(Outcome::Success);
        drop(throttle.enter(now).unwrap());
        let third = throttle.enter(now).unwrap();
        assert!(throttle.enter(now).is_err());
        drop((second, third));
        assert_eq!(throttle.running.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_rate_is_refused_with_the_time_to_wait() {
        let throttle = throttle(json!({"max_rate": 2.0}));
        let now = Instant::now();
        throttle.enter(now).unwrap();
        let refused = throttle.enter(now).unwrap_err();
        assert_eq!(refused.why, "is limited to 2 calls a second");
        assert_eq!(refused.retry_after, Duration::from_millis(500));
        assert!(throttle.enter(now + refused.retry_after).is_ok());
    }

    #[test]
    fn what_is_refused_for_another_reason_leaves_the_breaker_alone() {
        let throttle = throttle(json!({"breaker": {"failures": 1, "pause": 0.0}, "max_rate": 1.0}));
        let now = Instant::now();
        throttle.enter(now).unwrap().finish(Outcome::Failure);
        assert!(throttle.enter(now).unwrap_err().why.contains("is limited"));
        throttle.enter(now + Duration::from_secs(2)).unwrap().finish(Outcome::Success);
        assert!(throttle.enter(now + Duration::from_secs(4)).is_ok());
    }
}
