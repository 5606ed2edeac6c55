//! Changing an instance while it runs: what it remembers, and another configuration.

use zerepy_core::Result;
use zerepy_plugin_abi::{FfiOwnedTape, status};

use crate::failure::{PluginError, Step};
use crate::handshake::Initialize;
use crate::{Form, Instance, ResultTape, Tape};

impl Instance {
    /// What the plugin wants to remember; `None` if it remembers nothing at all.
    ///
    /// # Errors
    /// What the plugin answers; `State` if it is not initialized.
    pub fn save_state(&self) -> Result<Option<ResultTape>> {
        let step = Step::Ask("save_state");
        self.check_process(step)?;
        let _inside = self.gate.enter().map_err(|closed| self.closed(closed, step))?;
        let Some(save) = self.functions.save_state else { return Ok(None) };
        let form = Form::DEFAULT;
        let (mut state, mut error) = (FfiOwnedTape::empty(), PluginError::new());
        // SAFETY: the instance is alive and initialized, and stays so while the caller is inside the
        // gate; both places live for the time of the call.
        let status =
            self.serve_step(|| unsafe { save(self.handle, &raw mut state, error.as_mut_ptr()) });
        self.taken(status, state, form, &error, step).map(Some)
    }

    /// Gives the plugin back what it saved; whether it takes it.
    ///
    /// # Errors
    /// As for [`save_state`](Self::save_state).
    pub fn load_state(&self, state: &Tape) -> Result<bool> {
        self.give(self.functions.load_state, "load_state", state)
    }

    /// Gives the plugin another configuration while it runs; whether it takes one.
    ///
    /// # Errors
    /// As for [`save_state`](Self::save_state); the plugin goes on with the one it has.
    pub fn reconfigure(&self, config: &Tape) -> Result<bool> {
        self.give(self.functions.reconfigure, "reconfigure", config)
    }

    fn give(&self, take: Option<Initialize>, name: &'static str, given: &Tape) -> Result<bool> {
        let step = Step::Ask(name);
        self.check_process(step)?;
        let mut room = None;
        let given = self.encoded(given, &mut room)?;
        let _inside = self.gate.enter().map_err(|closed| self.closed(closed, step))?;
        let Some(take) = take else { return Ok(false) };
        let mut error = PluginError::new();
        // SAFETY: as in `save_state`; the tape lives for the time of the call.
        let status =
            self.serve_step(|| unsafe { take(self.handle, &raw const given, error.as_mut_ptr()) });
        if status == status::OK { Ok(true) } else { Err(error.to_error(step, self.info())) }
    }
}
