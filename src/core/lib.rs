//! The plugin system itself: what is known of plugins, where they come from, how they live.
//!
//! It knows no Python and loads no library: what runs a plugin is given to it as a trait object.
#![forbid(unsafe_code)]

mod accept;
mod call;
mod config;
mod discovery;
mod entry;
mod error;
mod events;
mod factory;
pub mod graph;
mod hooks;
mod host;
mod import;
mod manifest;
mod metrics;
mod model;
mod monitor;
mod names;
mod plugin;
mod registry;
mod reload;
mod remember;
mod replace;
mod requirement;
mod schema;
mod snapshot;
mod start;
mod state;
mod stop;
mod turn;
mod update;
mod usage;

#[cfg(test)]
mod tests;

pub use call::Call;
pub use config::{Change, Config, Environment, Settings, effective_config};
pub use discovery::{Candidate, CandidateManifest, Scan, Unit, scan};
pub use error::{Error, ErrorKind, Result};
pub use events::{Event, EventSink, Matches, Pattern, SubscriptionId, Subscriptions};
pub use factory::create;
pub use hooks::{HookId, HookSet, Hooks};
pub use host::{Host, Parts, Status};
pub use import::{Found, Importer, import};
pub use manifest::{Manifest, ManifestEntry, Owner};
pub use metrics::{Distribution, Metric, MetricKind, Metrics, Reading};
pub use model::{ActionInfo, Category, Exec, Failure, Kind, PluginInfo, Stage};
pub use monitor::{Monitor, Observer, ObserverId};
pub use names::{check_name, nearest, suggestion};
pub use plugin::{Class, Hook, Instance};
pub use registry::{Registered, Registry};
pub use reload::Reloader;
pub use requirement::Requirement;
pub use schema::CompiledSchema;
pub use snapshot::{Snapshot, SnapshotStore};
pub use state::{PluginState, StateCell};
pub use usage::{Outcome, Stats, Usage};
