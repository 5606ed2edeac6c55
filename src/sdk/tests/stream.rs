//! Stream actions, through the table that a host would use: the producer goes on as items are asked
//! for, and is gone when the stream is.
#![cfg(feature = "async")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use zerepy_plugin::testing::{Harness, Items};
use zerepy_plugin::{Error, Result, Stream, plugin};

/// How far a producer may be ahead of its consumer.
const AHEAD: usize = 1;

#[derive(Default)]
struct Source {
    made: AtomicUsize,
    gone: AtomicUsize,
}

/// What a producer owns: it is counted when it is dropped.
struct Trace<'a>(&'a Source);

impl Trace<'_> {
    fn count(&self) {
        self.0.made.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Trace<'_> {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, Ordering::SeqCst);
    }
}

impl Source {
    fn numbers(&self) -> impl Stream<Item = usize> + Send + '_ {
        let trace = Trace(self);
        stream::iter(0..).map(move |number| {
            trace.count();
            number
        })
    }
}

/// Yields in every way there is.
#[plugin(connection, name = "source")]
impl Source {
    fn initialize() -> Self {
        Self::default()
    }

    #[action(stream)]
    fn count(&self, end: usize) -> impl Stream<Item = usize> + Send + '_ {
        self.numbers().take(end)
    }

    #[action(stream)]
    fn slowly(&self, end: usize) -> Pin<Box<dyn Stream<Item = String> + Send + '_>> {
        let slow = self.numbers().take(end).then(async |number| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            number.to_string()
        });
        Box::pin(slow)
    }

    #[action(stream)]
    fn fail_at(&self, at: usize) -> impl Stream<Item = Result<usize>> + Send + '_ {
        self.numbers().map(move |number| {
            if number == at { Err(Error::not_ready("no luck", 1.5)) } else { Ok(number) }
        })
    }

    #[action(stream)]
    fn panic_at(&self, at: usize) -> impl Stream<Item = usize> + Send + '_ {
        self.numbers().inspect(move |number| assert!(*number != at, "boom {at}"))
    }

    #[action(stream)]
    fn hang(&self) -> impl Stream<Item = ()> + Send + '_ {
        let trace = Trace(self);
        stream::once(async move {
            trace.count();
            std::future::pending::<()>().await;
        })
    }

    #[action(stream)]
    fn refuse(&self) -> Result<impl Stream<Item = usize> + Send + '_> {
        if self.made.load(Ordering::SeqCst) == 0 {
            return Err(Error::invalid_params("nothing to stream"));
        }
        Ok(self.numbers())
    }

    #[action]
    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    #[action]
    fn gone(&self) -> usize {
        self.gone.load(Ordering::SeqCst)
    }
}

fn source() -> Harness<Source> {
    Harness::start(&()).unwrap()
}

fn ask(source: &Harness<Source>, action: &str) -> usize {
    source.call(action, &()).unwrap()
}

#[test]
fn all_items_come_in_order_and_the_producer_is_gone_at_the_end() {
    let source = source();
    let mut items = source.stream::<usize>("count", &10_000).unwrap();
    assert!(items.by_ref().map(Result::unwrap).eq(0..10_000));
    assert_eq!(ask(&source, "gone"), 1);
    assert!(items.next().is_none());
    let slow: Result<Vec<String>, _> = source.stream("slowly", &3).unwrap().collect();
    assert_eq!(slow.unwrap(), ["0", "1", "2"]);
    assert_eq!(source.stream::<usize>("count", &0).unwrap().count(), 0);
}

#[test]
fn the_producer_is_at_most_one_item_ahead() {
    let source = source();
    let mut items = source.stream::<usize>("count", &100).unwrap();
    for taken in 1..20 {
        items.next().unwrap().unwrap();
        std::thread::sleep(Duration::from_millis(1));
        let made = ask(&source, "made");
        assert!((taken..=taken + AHEAD).contains(&made), "{made} made, {taken} taken");
    }
}

#[test]
fn an_error_ends_the_stream() {
    let source = source();
    let mut items = source.stream::<usize>("fail_at", &2).unwrap();
    assert_eq!((items.next(), items.next()), (Some(Ok(0)), Some(Ok(1))));
    let failure = items.next().unwrap().unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), ("not_ready", "no luck"));
    assert!(items.next().is_none());
    assert_eq!(ask(&source, "gone"), 1);
    let refused = source.stream::<usize>("count", &-1);
    assert_eq!(refused.unwrap_err().code, "invalid_params");
    let mut nothing = self::source();
    nothing.cleanup().unwrap();
    nothing.initialize(&()).unwrap();
    let failure = nothing.stream::<usize>("refuse", &()).unwrap().next().unwrap().unwrap_err();
    assert_eq!(failure.message, "nothing to stream");
}

#[test]
fn a_panic_ends_the_stream_and_poisons() {
    let mut source = source();
    let mut items: Items<'_, usize> = source.stream("panic_at", &1).unwrap();
    assert_eq!(items.next(), Some(Ok(0)));
    let failure = items.next().unwrap().unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), ("panic", "boom 1"));
    assert!(items.next().is_none());
    drop(items);
    let refused = source.stream::<usize>("count", &1).unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), ("state", "it has panicked before"));
    source.initialize(&()).unwrap();
    assert_eq!(source.stream::<usize>("count", &1).unwrap().count(), 1);
}

#[test]
fn a_closed_stream_drops_its_producer() {
    let source = source();
    drop(source.stream::<()>("hang", &()).unwrap());
    let mut items = source.stream::<usize>("count", &10).unwrap();
    assert_eq!(items.next(), Some(Ok(0)));
    let gone = ask(&source, "gone");
    drop(items);
    assert_eq!(ask(&source, "gone"), gone + 1);
}

#[test]
#[should_panic(expected = "the action \"count\" yields items: use `stream`")]
fn the_test_kit_says_that_a_stream_is_one() {
    source().call::<usize>("count", &1).unwrap();
}
