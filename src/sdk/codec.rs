//! The payload on the plugin's side: the tape, read and written by serde. Nothing else in this
//! crate looks at a node.

mod fault;
mod read;
mod tape;
mod write;

pub use tape::Tape;
pub use write::Payload;

pub(crate) use fault::Fault;

#[cfg(test)]
mod tests;
