//! The errors of an instance itself, as opposed to those that its plugin answers with.

use zerepy_core::{Error, ErrorKind};

use super::Instance;
use crate::TapeError;
use crate::failure::Step;
use crate::gate::Closed;

impl Instance {
    #[cold]
    pub(super) fn no_such_action(&self, action: u32) -> Error {
        let (name, count) = (&self.info().name, self.is_inline.len());
        let message = format!("plugin {name:?} has no action number {action}; it has {count}");
        Error::new(ErrorKind::NotFound, message).with_plugin(name)
    }

    #[cold]
    pub(crate) fn unreadable(&self, broken: TapeError, step: Step) -> Error {
        let message = format!("{} gave no result: {broken}", step.of(self.info()));
        let error = Error::new(ErrorKind::Execution, message).with_plugin(&self.info().name);
        match broken.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    #[cold]
    pub(crate) fn unwritable(&self, error: TapeError) -> Error {
        Error::from(error).with_plugin(&self.info().name)
    }

    #[cold]
    pub(crate) fn forked(&self, step: Step) -> Error {
        self.wrong_state(step, "it was created before this process was forked")
            .with_hint("Create it in the child process")
    }

    #[cold]
    pub(super) fn closed(&self, closed: Closed, step: Step) -> Error {
        match closed {
            Closed::Empty => {
                self.wrong_state(step, "it is not initialized").with_hint("Start the plugin first")
            }
            Closed::Ready => {
                self.wrong_state(step, "it is initialized already").with_hint("Clean it up first")
            }
            Closed::Exclusive => self
                .wrong_state(step, "it is being initialized or cleaned up")
                .with_hint("Wait until that is done"),
            Closed::Busy(calls) => {
                let name = &self.info().name;
                let running = match calls {
                    1 => format!("1 call of {name:?} is still running"),
                    _ => format!("{calls} calls of {name:?} are still running"),
                };
                self.wrong_state(step, &running).with_hint("Wait until nothing is running")
            }
        }
    }

    #[cold]
    pub(crate) fn wrong_state(&self, step: Step, why: &str) -> Error {
        let message = format!("{} is not possible now: {why}", step.of(self.info()));
        Error::new(ErrorKind::State, message).with_plugin(&self.info().name)
    }
}
