//! Plugins from shared libraries: reading what a library declares, loading it, calling it.
//!
//! All of the host's unsafe code that deals with libraries stands here, and what it offers is safe:
//! a caller can hold nothing wrongly enough to make it read or call what is not there. It trusts
//! neither files (`elf.rs`) nor what plugins write (`tape`), but a library's code, once loaded, is
//! part of the process and may do anything. It knows no Python and no lifecycle.

mod cache;
mod completion;
mod counter;
mod descriptor;
mod elf;
mod failure;
mod file;
mod fork;
mod gate;
mod handshake;
mod host;
mod inspect;
mod instance;
mod library;
mod refusal;
mod services;
mod stream;
mod table;
mod tape;
mod task;
mod trust;

pub use cache::make_private;
pub use completion::{Stay, unexpected_outcomes};
pub use counter::time_stamp_counter;
pub use descriptor::{Encoding, Panic};
pub use inspect::{LibraryInfo, inspect};
pub use instance::Instance;
pub use library::{Library, load};
pub use services::{
    CallOptions, Caller, CancelFlag, LogSink, ServiceCall, Services, Subscriber, Undo, set_log_sink,
};
pub use stream::{ItemDone, Stream};
pub use tape::{
    DEFAULT_MAX_PAYLOAD, Element, Form, Open, ResultTape, Tape, TapeError, TapeView, to_json,
};
pub use task::{Done, Pending, Task};
pub use trust::Trust;
pub use zerepy_plugin_abi::{MAX_DEPTH, Node, element, tag};

/// The version of the plugin ABI that this host speaks: major, minor.
pub const ABI_VERSION: (u16, u16) = (zerepy_plugin_abi::ABI_MAJOR, zerepy_plugin_abi::ABI_MINOR);
