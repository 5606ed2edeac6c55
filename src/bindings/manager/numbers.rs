//! What a manager counts, for operators: as text to scrape, and on a socket for `zpl top`.

use pyo3::prelude::*;
use zerepy_core::{Exposition, PluginReading};

use super::PluginManager;
use crate::environment::PluginHost;
use crate::events::EventBus;
use crate::monitor::PluginMonitor;

#[pymethods]
impl PluginManager {
    /// Return all numbers as text for Prometheus, in its exposition format 0.0.4.
    fn metrics_text(&self) -> String {
        text(&self.host, self.monitor.get(), self.events.get())
    }

    /// Let ``zpl top`` show this manager's numbers, until all its plugins are stopped.
    fn share_stats(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().unshare(slf.py())?;
        let undo = slf.py().import("zerepy_plugins._share")?.call_method1("share", (slf,))?;
        *slf.get().shared.lock() = Some(undo.unbind());
        Ok(())
    }
}

impl PluginManager {
    /// Ends the sharing of its numbers, if they are shared.
    pub(super) fn unshare(&self, py: Python<'_>) -> PyResult<()> {
        let undo = self.shared.lock().take();
        undo.map_or(Ok(()), |undo| undo.call0(py).map(drop))
    }
}

/// The numbers of a manager's plugins, of what else its monitor counts, and of its bus.
fn text(host: &PluginHost, monitor: &PluginMonitor, events: &EventBus) -> String {
    let core = monitor.core();
    let reading = |plugin: String, life| {
        let stats = core.stats(&plugin);
        PluginReading { plugin, life, stats }
    };
    let mut readings: Vec<_> = host
        .status()
        .into_iter()
        .map(|status| {
            let life = (status.state, status.is_healthy());
            reading(status.info.name, Some(life))
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
