//! How often something may happen.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A rate, by the generic cell rate algorithm (ITU-T I.371): exact, and without a timer.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    /// The time from one to the next at a steady pace.
    interval: Duration,
    /// How far ahead of that pace somebody may be.
    tolerance: Duration,
    /// When the next one would come at a steady pace.
    next: Mutex<Option<Instant>>,
}

impl Rate {
    /// So many a second, `burst` of them at once; none for what is no rate.
    pub(super) fn new(per_second: f64, burst: Option<NonZeroU32>) -> Option<Self> {
        let interval = Duration::try_from_secs_f64(per_second.recip()).ok()?;
        let tolerance = interval.checked_mul(burst.map_or(1, NonZeroU32::get) - 1)?;
        (per_second > 0.0).then_some(Self {
            per_second,
            interval,
            tolerance,
            next: Mutex::new(None),
        })
    }

    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut next = self.next.lock();
        let due = next.map_or(now, |next| next.max(now));
        let early = (due - now).saturating_sub(self.tolerance);
        if !early.is_zero() {
            return Err(early);
        }
        *next = Some(due + self.interval);
        Ok(())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls a second", self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: f64, burst: u32) -> Rate {
        Rate::new(per_second, NonZeroU32::new(burst)).unwrap()
    }

    #[test]
    fn a_steady_pace_is_let_through_and_nothing_faster() {
        let (rate, now) = (rate(10.0, 1), Instant::now());
        for tenth in 0..20 {
            let then = now + Duration::from_millis(100) * tenth;
            assert_eq!(rate.take(then), Ok(()));
            assert_eq!(rate.take(then + Duration::from_millis(40)), Err(Duration::from_millis(60)));
        }
    }

    #[test]
    fn a_burst_is_let_through_and_has_to_be_saved_up_again() {
        let (rate, now) = (rate(1.0, 3), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!([0; 4].map(|_| rate.take(at(0)).is_ok()), [true, true, true, false]);
        assert_eq!([0; 2].map(|_| rate.take(at(1)).is_ok()), [true, false]);
        assert_eq!([0; 4].map(|_| rate.take(at(60)).is_ok()), [true, true, true, false]);
    }

    #[test]
    fn what_is_no_rate_is_none() {
        for nonsense in [0.0, -1.0, f64::NAN, 1e-300] {
            assert!(Rate::new(nonsense, None).is_none(), "{nonsense}");
        }
        assert_eq!(rate(f64::INFINITY, 1).take(Instant::now()), Ok(()));
    }
}
