//! The clock that calls are timed with: every call reads it twice, so it is as cheap as the machine
//! has one. It counts ticks; what a tick is in time is found out when somebody reads the numbers.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Reads a counter of ticks, which come at a constant rate and never go back.
pub type ReadCounter = fn() -> u64;

/// A tick's length is measured over this time at least: who asks before it is over has to wait.
const MEASURED_OVER: Duration = Duration::from_millis(10);
/// So often the counter is read beside the clock, to have it undisturbed once.
const READINGS: usize = 8;

static FIND: OnceLock<fn() -> Option<ReadCounter>> = OnceLock::new();
static COUNTER: OnceLock<Counter> = OnceLock::new();

/// Has calls timed with the counter that `find` finds, if it does; it is asked at the first call.
/// Without one they are timed with the monotonic clock.
pub fn time_calls_with(find: fn() -> Option<ReadCounter>) {
    let _ = FIND.set(find);
}

/// A moment of the clock that calls are timed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// Now.
    #[inline]
    #[must_use]
    pub fn now() -> Self {
        Self((counter().read)())
    }

    /// The time since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(nanoseconds(Self::now().ticks_since(self)))
    }

    pub(crate) const fn ticks_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// So many ticks, in nanoseconds.
pub(crate) fn nanoseconds(ticks: u64) -> u64 {
    counter().nanoseconds(ticks)
}

#[inline]
fn counter() -> &'static Counter {
    COUNTER.get_or_init(|| FIND.get().and_then(|find| find()).map_or_else(monotonic, Counter::new))
}

/// The monotonic clock, whose ticks are nanoseconds.
fn monotonic() -> Counter {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let read = || {
        let since = ORIGIN.get_or_init(Instant::now).elapsed();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    };
    Counter { tick: OnceLock::from(1.0), ..Counter::new(read) }
}

struct Counter {
    read: ReadCounter,
    origin: (Instant, u64),
    tick: OnceLock<f64>, // nanoseconds
}

impl Counter {
    fn new(read: ReadCounter) -> Self {
        Self { read, origin: beside_the_clock(read), tick: OnceLock::new() }
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn nanoseconds(&self, ticks: u64) -> u64 {
        (ticks as f64 * self.tick()) as u64
    }

    /// The length of a tick, found out at the first question: the same for all readings.
    #[expect(clippy::cast_precision_loss, reason = "far more exact than what it is for")]
    fn tick(&self) -> f64 {
        *self.tick.get_or_init(|| {
            thread::sleep(MEASURED_OVER.saturating_sub(self.origin.0.elapsed()));
            let (now, count) = beside_the_clock(self.read);
            let ticks = count.saturating_sub(self.origin.1).max(1);
            (now - self.origin.0).as_nanos() as f64 / ticks as f64
        })
    }
}

/// The monotonic clock and the counter at the same moment: of several tries the quickest.
fn beside_the_clock(read: ReadCounter) -> (Instant, u64) {
    let tried = || {
        let (before, count, after) = (Instant::now(), read(), Instant::now());
        (after - before, (before + (after - before) / 2, count))
    };
    let quickest =
        (1..READINGS).map(|_| tried()).fold(tried(), |a, b| if b.0 < a.0 { b } else { a });
    quickest.1
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Moment {
        pub(crate) fn before(self, time: Duration) -> Self {
            Self(self.0 - u64::try_from(time.as_nanos()).unwrap()) // nothing else is installed here
        }
    }

    /// Three ticks a nanosecond.
    fn thrice() -> u64 {
        monotonic_now() * 3
    }

    fn monotonic_now() -> u64 {
        (monotonic().read)()
    }

    #[test]
    fn ticks_of_any_length_become_time() {
        let counter = Counter::new(thrice);
        let second = counter.nanoseconds(3_000_000_000);
        assert!((990_000_000..1_010_000_000).contains(&second), "{second}");
        assert_eq!(counter.nanoseconds(3_000_000_000), second);
    }

    #[test]
    fn a_moment_that_a_counter_puts_after_the_next_one_took_no_time() {
        let (earlier, later) = (Moment(5), Moment(7));
        assert_eq!((later.ticks_since(earlier), earlier.ticks_since(later)), (2, 0));
    }
}
