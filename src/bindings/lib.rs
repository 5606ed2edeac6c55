//! The extension module `zerepy_plugins._native`: Python objects on one side, the core on the other.
//!
//! Thin: what plugins are and how they live stands in `zerepy-core`, how libraries are called in
//! `zerepy-native`. The documentation of what is public here stands in the stubs, `_native/*.pyi`.

mod around;
mod awaitable;
mod background;
mod backlog;
mod call;
mod check;
mod class;
mod convert;
mod coroutine;
mod describe;
mod discovery;
mod environment;
mod errors;
mod events;
mod exit;
mod factory;
mod health;
mod hook;
mod inspect;
mod instance;
mod interpreter;
mod interrupt;
mod lazy;
mod limited;
mod logging;
mod made;
mod mailbox;
mod manager;
mod meeting;
mod metrics;
mod monitor;
mod native;
mod optional;
mod records;
mod registry;
mod reload;
mod repeat;
mod schema;
mod services;
mod settings;
mod sources;
mod stream;
mod surroundings;
mod target;
mod undo;
mod walk;

/// Everything that Python sees.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::{
        around::HookedCall,
        backlog::Backlog,
        check::{is_version, schema_problems},
        coroutine::CallCoroutine,
        discovery::discover_plugins,
        environment::PluginFinder,
        events::{EventBus, Published},
        factory::PluginFactory,
        inspect::inspect_library,
        lazy::UnloadedPlugin,
        mailbox::Mailbox,
        manager::PluginManager,
        metrics::{Counter, Gauge, Histogram, PluginMetrics},
        monitor::{PluginMonitor, UsageTimer},
        native::{NativeClass, NativeInstance},
        registry::PluginRegistry,
        schema::JsonSchema,
        stream::{CallStream, StreamStep},
        undo::Undo,
    };

    #[pymodule_export]
    const ABI_VERSION: (u16, u16) = zerepy_native::ABI_VERSION;

    /// Whether it is as fast as it can be: fewer instructions than a build for development takes.
    #[pymodule_export]
    const OPTIMIZED: bool = matches!(env!("ZEREPY_OPT_LEVEL").as_bytes(), b"3");

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        crate::interpreter::claim(module.py())?;
        crate::logging::install();
        zerepy_core::time_calls_with(zerepy_native::time_stamp_counter);
        Ok(())
    }
}
