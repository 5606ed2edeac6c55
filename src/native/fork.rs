//! Noticing that this process was forked, cheaply enough for every call.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often this process was forked off, counting from its first ancestor that loaded a library.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Begins counting; without effect after the first time.
pub(crate) fn watch() {
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler only adds to an atomic, which is allowed after a fork.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(in_child)) } != 0;
        if failed {
            tracing::warn!("forks cannot be noticed: out of memory for the handler");
        }
    });
}

/// A number that is another one in a child process.
#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}
