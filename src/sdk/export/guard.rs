//! The one place where panics stop, and what is known of the call that is running.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::{Error, Result};

thread_local! {
    /// The plugin that is running on this thread, guarded.
    static CURRENT: Cell<Option<&'static str>> = const { Cell::new(None) };
    /// Where the last guarded panic of this thread came from.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The plugin that is running on this thread.
pub(crate) fn current_plugin() -> Option<&'static str> {
    CURRENT.get()
}

/// Runs a plugin's code; a panic becomes an error.
///
/// The plugin's state may be half changed after that: whoever calls this must not use it again.
#[inline]
pub(crate) fn guard<T>(plugin: &'static str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let outcome = CURRENT.with(|current| {
        let outer = current.replace(Some(plugin));
        let outcome = panic::catch_unwind(AssertUnwindSafe(body));
        current.set(outer);
        outcome
    });
    outcome.unwrap_or_else(|payload| Err(panicked(payload)))
}

/// Makes guarded panics silent and remembers where they came from; leaves others to the hook that
/// was there before. Once for each library, as each has its own standard library.
pub(crate) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if CURRENT.get().is_some() {
                remember(panic);
            } else {
                before(panic);
            }
        }));
    });
}

fn remember(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    // It fails at most while the thread ends; then the location is lost, and nothing else.
    let _ = LOCATION.try_with(|place| place.replace(location));
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned());
    // A payload may panic again when it is dropped; then it is better leaked.
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    let location = LOCATION.try_with(RefCell::take).ok().flatten();
    Error::panic(message, location)
}
