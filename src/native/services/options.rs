//! What a caller says of a call beside its parameters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Caller;

/// Says that a call is not wanted any more; its clones say the same.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// From now on the call is cancelled. It goes on until the plugin looks.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is known of a call beside its parameters.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// When its caller stops waiting. The plugin may look; nothing ends by itself.
    pub deadline: Option<Instant>,
    /// Set when its caller stops waiting for another reason.
    pub cancel: CancelFlag,
    /// The plugin that makes the call; without one, the plugin that this thread is serving.
    pub caller: Option<Caller>,
}

impl CallOptions {
    /// A call that `caller` makes.
    #[must_use]
    pub fn within(caller: Caller) -> Self {
        Self { caller: Some(caller), ..Self::default() }
    }
}
