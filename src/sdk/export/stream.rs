//! Stream actions: each is a task of the library's own runtime that goes on as its items are asked
//! for. It is at most one item ahead: the next one is made while the host is busy with the last.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream as Source;
use tokio::task::AbortHandle;
use zerepy_plugin_abi::{
    ActionIndex, FfiCompletion, FfiError, FfiTape, Instance, Status, Stream, status,
};

use super::Exported;
use super::finisher::Finisher;
use super::instance::{borrow, serve};
use super::running::{Guarded, runtime};
use crate::codec::Payload;
use crate::{Error, Result};

/// A stream as `#[plugin]` makes it: what drives it, once it is told where the items go.
pub type Producer =
    Box<dyn FnOnce(Items) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send>;

/// Where the items of a stream go.
#[expect(missing_debug_implementations, reason = "only generated code holds one, for a moment")]
pub struct Items(Arc<Exchange>);

/// What the host knows as a stream.
struct Opened {
    exchange: Arc<Exchange>,
    task: AbortHandle,
}

/// Where the host and the producer meet.
#[derive(Default)]
struct Exchange(Mutex<Place>);

#[derive(Default)]
struct Place {
    asked: Option<Finisher>,                // for an item
    ready: Option<Result<Option<Payload>>>, // an item, or how the stream ended
    producer: Option<Waker>,
    closing: Option<Finisher>,
    gone: bool, // the producer is
}

pub(super) unsafe extern "C" fn open<P: Exported>(
    instance: Instance,
    action: ActionIndex,
    params: *const FfiTape,
    stream: *mut Stream,
    error: *mut FfiError,
) -> Status {
    // SAFETY: the host passes what the ABI says, and lends the tape for the time of this call.
    unsafe {
        serve::<P>(instance, error, |plugin, poisoned| {
            let producer = Arc::clone(plugin).open(action, borrow(params)?)?;
            let exchange = Arc::<Exchange>::default();
            let work = producer(Items(Arc::clone(&exchange)));
            let work = Guarded::new(P::DESCRIPTOR.name, work, Arc::clone(poisoned)).taken_along();
            let end = End(Arc::clone(&exchange));
            let task = runtime()?.spawn(run(work, end)).abort_handle();
            stream.write(Box::into_raw(Box::new(Opened { exchange, task })).cast());
            Ok(status::OK)
        })
    }
}

pub(super) unsafe extern "C" fn next(stream: Stream, completion: *const FfiCompletion) {
    // SAFETY: the host passes what `open` made, and has not given it back.
    let Opened { exchange, .. } = unsafe { &*stream.cast::<Opened>() };
    // SAFETY: the host's own.
    exchange.ask(Finisher::new(unsafe { *completion }));
}

pub(super) unsafe extern "C" fn close(stream: Stream, completion: *const FfiCompletion) {
    // SAFETY: the host gives back, once, what `open` made.
    let Opened { exchange, task } = *unsafe { Box::from_raw(stream.cast::<Opened>()) };
    // SAFETY: the host's own.
    exchange.close(Finisher::new(unsafe { *completion }));
    task.abort();
}

/// Drives a producer to its end. In all cases it is dropped before the end is told: its parameter
/// stands first, its local last.
async fn run(work: Guarded<()>, end: End) {
    let end = end;
    let mut work = work;
    let result = (&mut work).await;
    drop(work);
    end.0.put(result.map(|()| None));
}

/// Tells that the producer is gone, however it went.
struct End(Arc<Exchange>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Items {
    /// Asks for items as long as there is room for one, and passes them on, until they end.
    pub async fn take_from<T>(
        self,
        source: impl Source<Item = T> + Send,
        encode: impl Fn(T) -> Result<Payload>,
    ) -> Result<()> {
        let mut source = pin!(source);
        loop {
            poll_fn(|context| self.0.poll_room(context)).await;
            match poll_fn(|context| source.as_mut().poll_next(context)).await {
                Some(item) => self.0.put(Ok(Some(encode(item)?))),
                None => return Ok(()),
            }
        }
    }
}

impl Exchange {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready if the producer shall go on.
    fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        let mut place = self.place();
        if place.ready.is_none() {
            return Poll::Ready(());
        }
        place.producer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Hands an item to whoever asked for it, or keeps it. The lock is released before the host is
    /// told: it may ask again at once.
    fn put(&self, item: Result<Option<Payload>>) {
        let mut place = self.place();
        let Some(asked) = place.asked.take() else {
            place.ready = Some(item);
            return;
        };
        drop(place);
        asked.finish(item);
    }

    /// Answers with what is there, or when something is.
    fn ask(&self, asked: Finisher) {
        let mut place = self.place();
        let Some(item) = place.ready.take() else {
            if place.gone {
                drop(place);
                return asked.finish(Ok(None));
            }
            place.asked = Some(asked);
            return;
        };
        let producer = place.producer.take();
        drop(place);
        if let Some(producer) = producer {
            producer.wake();
        }
        asked.finish(item);
    }

    /// Has `closing` told when the producer is gone.
    fn close(&self, closing: Finisher) {
        let mut place = self.place();
        if !place.gone {
            place.closing = Some(closing);
            return;
        }
        drop(place);
        closing.finish(Ok(None));
    }

    /// The producer is gone: nobody waits in vain.
    fn end(&self) {
        let mut place = self.place();
        place.gone = true;
        let (asked, closing) = (place.asked.take(), place.closing.take());
        drop(place);
        if let Some(asked) = asked {
            asked.finish(Err(Error::new("it was cancelled")));
        }
        if let Some(closing) = closing {
            closing.finish(Ok(None));
        }
    }
}
