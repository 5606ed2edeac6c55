//! The payload on the plugin's side: the tape, read and written by serde. Nothing else in this
//! crate looks at a node.

mod fault;
#[cfg(test)]
mod fuzz;
#[cfg(feature = "msgpack")]
mod msgpack;
mod numbers;
mod read;
mod tape;
mod write;

pub use tape::Tape;
pub use write::Payload;

pub(crate) use fault::Fault;
#[cfg(feature = "msgpack")]
pub(crate) use msgpack::{from_msgpack, to_msgpack};

#[cfg(test)]
mod tests;
