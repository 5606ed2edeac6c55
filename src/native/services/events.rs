//! Events: published by plugins, and handed to them.

use std::fmt;
use std::sync::{Arc, Weak};

use zerepy_plugin_abi::{
    FfiError, FfiEvent, FfiEventService, FfiHost, FfiSlice, FfiSubscriber, FfiTape, Status,
};

use super::refuse::answer;
use super::{CallOptions, Frame, Scope, Waits};
use crate::host::text;
use crate::tape::{Tape, lent_view};

#[expect(clippy::cast_possible_truncation, reason = "the table is a few dozen bytes")]
pub(super) static TABLE: FfiEventService = FfiEventService {
    size: size_of::<FfiEventService>() as u32,
    reserved: 0,
    publish: Some(publish),
    subscribe: Some(subscribe),
    unsubscribe: Some(unsubscribe),
};

/// A handler of a plugin's. Its context is released when the last user of it is gone.
pub struct Subscriber {
    raw: FfiSubscriber,
    scope: Weak<Scope>,
}

// SAFETY: the ABI allows its functions on any thread, one event at a time.
unsafe impl Send for Subscriber {}
// SAFETY: as above; whoever delivers events keeps them apart.
unsafe impl Sync for Subscriber {}

impl Subscriber {
    /// Hands an event to each of these, one event at a time, with the interpreter released; nothing
    /// happens for a plugin that was cleaned up.
    pub fn deliver<'s>(
        subscribers: impl IntoIterator<Item = &'s Self>,
        name: &str,
        source: &str,
        data: &Tape,
    ) {
        let Ok(data) = data.to_ffi() else { return };
        #[expect(clippy::cast_possible_truncation, reason = "the structure is a few dozen bytes")]
        let event = FfiEvent {
            size: size_of::<FfiEvent>() as u32,
            reserved: 0,
            name: FfiSlice::new(name.as_bytes()),
            source: FfiSlice::new(source.as_bytes()),
            data: &raw const data,
        };
        let mut last = None;
        for subscriber in subscribers {
            last = subscriber.frame(last);
            let (Some(frame), Some(handle)) = (&last, subscriber.raw.handle) else { continue };
            // SAFETY: the event lives for the time of the call, and the context until it is released.
            frame.serve(|| unsafe { handle(subscriber.raw.context, &raw const event) });
        }
    }

    /// A call of its plugin, if that is there: handlers of one plugin share the one of `last`.
    fn frame(&self, last: Option<Arc<Frame>>) -> Option<Arc<Frame>> {
        let same = |frame: &Arc<Frame>| {
            let scope = frame.scope();
            scope.is_some_and(|it| Arc::as_ptr(it) == self.scope.as_ptr() && it.home().is_ok())
        };
        last.filter(same).or_else(|| {
            let scope = self.scope.upgrade().filter(|scope| scope.home().is_ok())?;
            Some(Frame::call(&scope, CallOptions::default(), Waits::Freely))
        })
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscriber").field(&self.scope).finish()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if let Some(release) = self.raw.release {
            // SAFETY: the plugin provided it for this context, and this is the only time.
            unsafe { release(self.raw.context) };
        }
    }
}

unsafe extern "C" fn publish(
    _: *const FfiHost,
    scope: u64,
    name: FfiSlice,
    data: *const FfiTape,
    error: *mut FfiError,
) -> Status {
    let body = || {
        let scope = Scope::find(scope)?;
        let home = scope.home()?;
        let data = if data.is_null() {
            Tape::nothing()
        } else {
            // SAFETY: the plugin lends the tape for the time of this call.
            Tape::copy_of(unsafe { lent_view(data) }?)?
        };
        // SAFETY: the plugin lends the name for the time of this call.
        home.services.publish(&home.plugin, &unsafe { text(name) }, data)
    };
    // SAFETY: the plugin's place for an error.
    unsafe { answer(error, body) }
}

unsafe extern "C" fn subscribe(
    _: *const FfiHost,
    scope: u64,
    pattern: FfiSlice,
    subscriber: *const FfiSubscriber,
    subscription: *mut u64,
    error: *mut FfiError,
) -> Status {
    let body = || {
        let found = Scope::find(scope);
        let scope = found.as_ref().map(Arc::downgrade).unwrap_or_default();
        // SAFETY: the plugin passes a whole subscriber, and hands over its context.
        let subscriber = Subscriber { raw: unsafe { subscriber.read() }, scope };
        let scope = found?;
        let home = scope.home()?;
        // SAFETY: the plugin lends the pattern for the time of this call.
        let undo = home.services.subscribe(&unsafe { text(pattern) }, subscriber)?;
        // SAFETY: the plugin's place for the number.
        unsafe { subscription.write(scope.keep(undo)) };
        Ok(())
    };
    // SAFETY: the plugin's place for an error.
    unsafe { answer(error, body) }
}

unsafe extern "C" fn unsubscribe(_: *const FfiHost, scope: u64, subscription: u64) {
    let body = || {
        Scope::find(scope)?.end(subscription);
        Ok(())
    };
    // SAFETY: there is no place for an error.
    unsafe { answer(std::ptr::null_mut(), body) };
}
