//! Write a plugin for ZerePy agents in Rust.
//!
//! A plugin is a type with one annotated `impl` block; a library exports one or several of them:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use zerepy_plugin::{Config, Result, Schema, plugin};
//!
//! #[derive(Deserialize, Schema)]
//! struct Options {
//!     /// What to greet with.
//!     #[serde(default)]
//!     greeting: Option<String>,
//! }
//!
//! #[derive(Deserialize, Schema)]
//! struct Greet<'a> {
//!     /// Whom to greet.
//!     name: &'a str,
//! }
//!
//! struct Greeter {
//!     greeting: String,
//! }
//!
//! /// Greets people.
//! #[plugin(connection, name = "greeter")]
//! impl Greeter {
//!     fn initialize(config: Config<Options>) -> Result<Self> {
//!         Ok(Self { greeting: config.options.greeting.unwrap_or_else(|| "Hello".into()) })
//!     }
//!
//!     /// Greets one person.
//!     #[action]
//!     fn greet(&self, params: Greet<'_>) -> String {
//!         format!("{}, {}!", self.greeting, params.name)
//!     }
//! }
//!
//! zerepy_plugin::export!(Greeter);
//! # fn main() {}
//! ```
//!
//! Build it as a `cdylib`. An instance is shared between threads, so the type is `Send + Sync`;
//! an `#[action]` runs on the caller's thread with Python's interpreter held and must be short, an
//! `#[action(blocking)]` runs with the interpreter released. An `#[action]` that is an `async fn`
//! (feature `async`) is polled once on the caller's thread, and if it is pending then, it goes on as
//! a task of a tokio runtime of the library's own; when its caller gives up, its future is dropped.
//! What comes before its first pending `.await` holds the interpreter and must be short: an
//! `#[action(spawn)]` does nothing there. An `#[action(stream)]` (same feature) returns an
//! `impl Stream<Item = T> + Send`: it is polled as its items are asked for, at most one item ahead,
//! and dropped when its caller stops asking. A panic is caught at the border: it
//! becomes an error, and the instance has to be initialized again.
//!
//! Arrays of numbers, such as those of numpy, cross as [`Packed`] and [`PackedRef`] without a value for
//! each number; what a type has no place for, such as a tuple of any length, is a [`Value`].
//!
//! What a plugin may ask of its host comes with a [`Host`], the last argument of `initialize`:
//!
//! ```
//! use zerepy_plugin::{Counter, Host, Result, plugin};
//!
//! struct Watcher {
//!     host: Host,
//!     seen: Counter,
//! }
//!
//! /// Watches prices.
//! #[plugin(connection, name = "watcher")]
//! impl Watcher {
//!     fn initialize(host: Host) -> Result<Self> {
//!         host.subscribe("prices.*", |event| {
//!             zerepy_plugin::log!(Info, "{} said {}", event.source(), event.name());
//!         })?
//!         .keep();
//!         Ok(Self { seen: host.counter("seen")?, host })
//!     }
//!
//!     /// Asks another plugin, and tells everybody.
//!     #[action(blocking)]
//!     fn watch(&self, coin: String) -> Result<f64> {
//!         let price: f64 = self.host.call("prices", "now", &coin)?;
//!         self.seen.add(1);
//!         self.host.publish("watcher.price", &price)?;
//!         Ok(price)
//!     }
//! }
//! # zerepy_plugin::export!(Watcher);
//! # fn main() {}
//! ```
//!
//! Nothing here knows Python: the host turns Python objects into a tape and back.

// Derived code refers to `::zerepy_plugin`, also in this crate's own tests.
extern crate self as zerepy_plugin;

mod codec;
mod config;
mod descriptor;
mod error;
mod export;
mod host;
mod json;
#[cfg(feature = "msgpack")]
pub mod msgpack;
mod packed;
mod schema;
pub mod testing;
#[cfg(feature = "tracing")]
mod tracing_layer;
mod value;

#[cfg(feature = "async")]
pub use futures_core::Stream;
pub use zerepy_plugin_abi::Level;
pub use zerepy_plugin_macros::{Schema, plugin};

pub use crate::config::Config;
pub use crate::error::{Error, Result};
pub use crate::host::{Call, Counter, Event, Gauge, Histogram, Host, Subscription};
pub use crate::packed::{Array, Element, Number, Packed, PackedRef};
pub use crate::schema::{Field, Schema, Shape};
pub use crate::value::{BigInt, Bytes, Value};

/// What the macros' expansions use. It may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use zerepy_plugin_abi::{
        ABI_MAJOR, ABI_MINOR, ActionIndex, FfiError, FfiHost, FfiLibrary, FfiPlugin, FfiSlice,
        MAGIC,
    };

    pub use crate::__with_async as with_async;
    pub use crate::codec::{Payload, Tape};
    pub use crate::descriptor::{
        ActionDescriptor, Category, Exec, LibraryDescriptor, PluginDescriptor, SDK, measure, render,
    };
    pub use crate::export::{
        Check, Exported, Outcome, Tables, Taking, encode_result, handshake, library, no_action,
        no_params, read_config, read_params, read_problems, read_state, refuse, table,
    };
    #[cfg(feature = "async")]
    pub use crate::export::{Items, Producer};
    pub use crate::host::{log, logs};
    #[cfg(feature = "async")]
    pub use tokio::task::yield_now;

    /// Whether async actions are served.
    pub const ASYNC: bool = cfg!(feature = "async");

    /// What needs the feature `async`, or an error that says so.
    #[cfg(feature = "async")]
    #[macro_export]
    #[doc(hidden)]
    macro_rules! __with_async {
        ($($code:tt)*) => { $($code)* };
    }

    #[cfg(not(feature = "async"))]
    #[macro_export]
    #[doc(hidden)]
    macro_rules! __with_async {
        ($($code:tt)*) => {
            ::core::compile_error!(
                "a stream action needs the feature `async` of the crate zerepy-plugin"
            );
        };
    }
}
