//! Tests of several parts together; those of one part stand beside it.

#[cfg(shuttle)]
mod admission;
mod lifecycle; // a directory of its own: what stands in `tests/` itself, Cargo runs by itself

pub(crate) use lifecycle::PlainThreads;
