//! The plugin system itself: what is known of plugins, where they come from, how they live.
//!
//! It knows no Python and loads no library: what runs a plugin is given to it as a trait object.
#![forbid(unsafe_code)]

mod error;
mod model;

pub use error::{Error, ErrorKind, Result};
pub use model::{ActionInfo, Category, Exec, Failure, Kind, PluginInfo, Stage};
