//! The atomics of what the model checker looks at (`make model`): those of the standard library,
//! and shuttle's where it is compiled for that.

#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicU8, AtomicU64, Ordering};
