//! What the host needs of the threads it runs on. The bindings know interpreters and signals; the
//! core does not.

use std::any::Any;
use std::time::Duration;

use crate::Result;

/// Work for a thread of its own.
pub type Job = Box<dyn FnOnce() + Send>;

/// Takes back what [`Threads::enter`] did, when it is dropped on the same thread.
pub type Mark = Box<dyn Any>;

/// The threads that call into a host, and those that it asks for.
///
/// The host calls none of this while it holds a lock.
pub trait Threads: Send + Sync {
    /// Runs `job` on a new thread, in the surroundings (the context variables) of this one.
    fn spawn(&self, name: &'static str, job: Job) -> Result<()>;
    /// How long this thread may wait before it asks [`check`](Self::check) again; `None` if there
    /// is nothing to ask for on this thread.
    fn stretch(&self) -> Option<Duration>;
    /// Whether the user wants out (Ctrl-C): then an error of `ErrorKind::Interrupted`.
    fn check(&self) -> Result<()>;
    /// Until the mark is dropped, this thread and what it begins run as a step of an operation of
    /// this host.
    fn enter(&self) -> Mark;
    /// Whether what runs here is itself a step of an operation of this host, such as a plugin's
    /// `initialize` on another thread than the one that starts it.
    fn is_within(&self) -> bool;
    /// A background thread has done something: hands over what it logged.
    fn flush(&self);
}
