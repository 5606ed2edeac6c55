//! The states a plugin goes through, and the one table of legal moves.

use std::fmt;

use PluginState::{
    Disabled, Discovered, Failed, Initializing, Registered, Retrying, Running, Skipped, Stopped,
    Stopping,
};

use crate::sync::{AtomicU8, Ordering};

/// Where a plugin is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PluginState {
    /// Found, but not accepted yet.
    Discovered,
    /// Accepted: it can be started.
    Registered,
    /// Being created and initialized.
    Initializing,
    /// Serving calls.
    Running,
    /// Being cleaned up.
    Stopping,
    /// Cleaned up: it can be started again.
    Stopped,
    /// Something went wrong; the failure says what.
    Failed,
    /// Switched off by configuration or by hand.
    Disabled,
    /// Not started because a plugin it needs did not start; the failure holds the chain.
    Skipped,
    /// Asked to be started again later, and waiting for it.
    Retrying,
}

/// Every legal move, and what makes it.
const MOVES: &[(PluginState, &[PluginState])] = &[
    (Discovered, &[Registered, Failed, Disabled]), // the gate accepts it, refuses it, or it is off
    (Registered, &[Initializing, Failed, Disabled, Skipped]), // failed: its dependencies are wrong
    (Initializing, &[Running, Failed, Retrying]),
    (Running, &[Stopping]),
    (Stopping, &[Stopped, Failed]),
    (Stopped, &[Initializing, Failed, Disabled, Skipped]),
    (Failed, &[Initializing, Stopping, Stopped, Disabled, Skipped]), // again, clean again, by force
    (Disabled, &[Registered]),
    (Skipped, &[Initializing, Failed, Disabled]),
    (Retrying, &[Initializing, Stopped, Failed, Disabled]),
];

impl PluginState {
    /// All states, in the order of a plugin's life.
    pub fn all() -> impl Iterator<Item = Self> {
        MOVES.iter().map(|(state, _)| *state)
    }

    /// The state's name, as users see it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Discovered => "discovered",
            Registered => "registered",
            Initializing => "initializing",
            Running => "running",
            Stopping => "stopping",
            Stopped => "stopped",
            Failed => "failed",
            Disabled => "disabled",
            Skipped => "skipped",
            Retrying => "retrying",
        }
    }

    /// Whether a plugin in this state may go to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        MOVES.iter().any(|(from, to)| *from == self && to.contains(&next))
    }

    const fn from_u8(value: u8) -> Self {
        MOVES[value as usize].0 // the table lists the states in the order of their numbers
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A plugin's current state: read by every call, moved by the lifecycle. Safe to share.
#[derive(Debug)]
pub struct StateCell(AtomicU8);

impl StateCell {
    /// A plugin in `state`.
    #[must_use]
    pub fn new(state: PluginState) -> Self {
        Self(AtomicU8::new(state as u8))
    }

    /// The state now.
    #[must_use]
    pub fn get(&self) -> PluginState {
        PluginState::from_u8(self.0.load(Ordering::SeqCst))
    }

    /// Moves to `next` and returns the state before; `Err` holds the state from which that is not
    /// a legal move. Of two threads that try the same move, one gets the error.
    pub fn advance(&self, next: PluginState) -> Result<PluginState, PluginState> {
        let mut now = self.get();
        while now.may_become(next) {
            let swapped =
                self.0.compare_exchange(now as u8, next as u8, Ordering::SeqCst, Ordering::SeqCst);
            match swapped {
                Ok(_) => return Ok(now),
                Err(other) => now = PluginState::from_u8(other),
            }
        }
        Err(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_the_states_in_the_order_of_their_numbers() {
        for (number, (state, _)) in MOVES.iter().enumerate() {
            assert_eq!(*state as usize, number);
        }
    }

    #[test]
    fn a_plain_life_is_legal() {
        let cell = StateCell::new(Discovered);
        for next in [Registered, Initializing, Running, Stopping, Stopped, Initializing] {
            cell.advance(next).expect("legal");
        }
        assert_eq!(cell.get(), Initializing);
    }

    #[test]
    fn an_illegal_move_changes_nothing_and_names_the_state() {
        let cell = StateCell::new(Registered);
        assert_eq!(cell.advance(Running), Err(Registered));
        assert_eq!(cell.get(), Registered);
    }

    #[test]
    fn every_state_can_be_left() {
        for (state, next) in MOVES {
            assert!(!next.is_empty(), "{state} is a dead end");
        }
    }
}
