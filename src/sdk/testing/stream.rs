//! Asking a stream for its items, as a test does.

use std::fmt;
use std::marker::PhantomData;
use std::ptr;

use serde::de::DeserializeOwned;
use zerepy_plugin_abi::{ActionIndex, FfiPlugin, Instance, Stream};

use super::completion::Expected;
use super::{Failure, REQUIRED, attempt, decode};
use crate::codec::Payload;

/// The items of an open stream; see [`Harness::stream`](super::Harness::stream).
pub struct Items<'a, R> {
    table: &'a FfiPlugin,
    stream: Stream,
    ended: bool,
    item: PhantomData<fn() -> R>,
}

impl<'a, R: DeserializeOwned> Items<'a, R> {
    pub(super) fn open(
        table: &'a FfiPlugin,
        instance: Instance,
        action: ActionIndex,
        params: &Payload,
    ) -> Result<Self, Failure> {
        let open = table.open_stream.expect(REQUIRED);
        let mut stream = ptr::null_mut();
        // SAFETY: our own instance, a tape that lives until the end of the call, places for the
        // stream and the error.
        attempt(|error| unsafe {
            open(instance, action, &params.as_ffi(), &raw mut stream, error)
        })?;
        Ok(Self { table, stream, ended: false, item: PhantomData })
    }
}

impl<R: DeserializeOwned> Iterator for Items<'_, R> {
    type Item = Result<R, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let expected = Expected::new();
        let completion = expected.completion();
        // SAFETY: it is open and has not ended, and nothing is asked for.
        unsafe { self.table.next_item.expect(REQUIRED)(self.stream, &raw const completion) };
        let outcome = expected.wait();
        self.ended = !matches!(outcome, Ok(Some(_)));
        outcome.map(|item| item.map(|item| decode(&item))).transpose()
    }
}

impl<R> Drop for Items<'_, R> {
    fn drop(&mut self) {
        let expected = Expected::new();
        let completion = expected.completion();
        // SAFETY: what `open` made, once.
        unsafe { self.table.close_stream.expect(REQUIRED)(self.stream, &raw const completion) };
        let _ = expected.wait(); // the outcome says only that it is gone
    }
}

// Not derived: that would ask the items to be `Debug` too.
impl<R> fmt::Debug for Items<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("ended", &self.ended).finish_non_exhaustive()
    }
}
