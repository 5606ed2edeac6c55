//! The plugin system itself: what is known of plugins, where they come from, how they live.
//!
//! It knows no Python and loads no library: what runs a plugin is given to it as a trait object.
#![forbid(unsafe_code)]

mod accept;
mod admission;
mod backlog;
mod bring_up;
mod call;
mod clock;
mod config;
mod discovery;
mod entry;
mod error;
mod events;
mod exposition;
mod factory;
mod flight;
pub mod graph;
mod health;
mod hooks;
mod host;
mod import;
mod launch;
mod limit;
mod manifest;
mod metrics;
mod model;
mod monitor;
mod names;
mod overrun;
mod patience;
mod patrol;
mod plugin;
mod policy;
mod recent;
mod registry;
mod reload;
mod remember;
mod replace;
mod requirement;
mod retry;
mod schema;
mod snapshot;
mod start;
mod state;
mod stop;
mod supervisor;
mod sync;
mod threads;
mod turn;
mod update;
mod usage;

#[cfg(test)]
mod tests;

pub use backlog::{Backlog, Pushed};
pub use call::Call;
pub use clock::{Moment, ReadCounter, time_calls_with};
pub use config::{Change, Config, Environment, Settings, effective_config};
pub use discovery::{Candidate, CandidateManifest, Glimpse, Preview, Scan, Unit, preview, scan};
pub use error::{Error, ErrorKind, Result};
pub use events::{
    Event, EventCounts, EventSink, EventStats, Matches, Pattern, SubscriptionId, Subscriptions,
};
pub use exposition::{Exposition, FamilyKind, PluginReading};
pub use factory::create;
pub use health::Verdict;
pub use hooks::{Consequence, HookId, HookSet, Hooks, OnError, Placed, Sets};
pub use host::{Host, Parts, Status};
pub use import::{Found, Importer, import};
pub use limit::{Limits, duration};
pub use manifest::{Manifest, ManifestEntry, Owner};
pub use metrics::{Distribution, Metric, MetricKind, Metrics, Reading};
pub use model::{ActionInfo, Category, Exec, Failure, Kind, PluginInfo, Stage};
pub use monitor::{Monitor, Observer, ObserverId};
pub use names::{check_name, nearest, suggestion};
pub use overrun::Attempt;
pub use patrol::Supervision;
pub use plugin::{Cancel, Class, Done, Hook, Instance, Step};
pub use policy::{ActionPolicy, BreakerPolicy};
pub use registry::{Registered, Registry};
pub use reload::Reloader;
pub use requirement::{Requirement, is_version};
pub use schema::{CompiledSchema, Problem};
pub use snapshot::{Snapshot, SnapshotStore};
pub use state::{PluginState, StateCell};
pub use threads::{Job, Mark, Threads};
pub use usage::{Outcome, Stats, Usage};
