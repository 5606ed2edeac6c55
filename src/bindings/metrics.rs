//! What a manager's plugins and bus count, as one text.

use zerepy_core::{Exposition, PluginReading, PluginState};

use crate::environment::PluginHost;
use crate::events::EventBus;
use crate::monitor::PluginMonitor;

/// The numbers of a manager's plugins, of what else its monitor counts, and of its bus.
pub(crate) fn text(host: &PluginHost, monitor: &PluginMonitor, events: &EventBus) -> String {
    let core = monitor.core();
    let reading = |plugin: String, life| {
        let stats = core.stats(&plugin);
        PluginReading { plugin, life, stats }
    };
    let mut readings: Vec<_> = host
        .status()
        .into_iter()
        .map(|status| {
            let (plugin, state) = (status.info.name, status.state);
            let healthy = state == PluginState::Running && monitor.seems_well(&plugin);
            reading(plugin, Some((state, healthy)))
        })
        .collect();
    for other in core.names() {
        if !readings.iter().any(|known| known.plugin == other) {
            readings.push(reading(other, None));
        }
    }
    let mut exposition = Exposition::default();
    exposition.plugins(readings);
    exposition.events(&events.counts().read());
    exposition.into_text()
}
