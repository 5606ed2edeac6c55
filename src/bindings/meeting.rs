//! Where the answer of a library's thread meets whoever asked: a call, or the asker of an item.
//!
//! The library's thread never touches Python.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use zerepy_core::Result;

use crate::errors::OrRaise;
use crate::mailbox::{Address, Delivery, Mailbox};
use crate::{logging, walk};

/// What comes of asking: an answer that is there already, or something to wait for.
pub(crate) enum Asked<'py> {
    There(PyResult<Option<Bound<'py, PyAny>>>),
    Waiting(Bound<'py, PyAny>),
}

/// Between a library's thread and the asker: whoever comes second finds what the first one left.
enum Meeting {
    Nobody,
    Answer(Delivery),
    Asker(Address),
}

/// What the answer is given by.
pub(crate) struct Answer(Arc<Mutex<Meeting>>);

impl Answer {
    /// Gives it, on whatever thread.
    pub(crate) fn give(self, answer: Delivery) {
        let mut meeting = self.0.lock();
        match mem::replace(&mut *meeting, Meeting::Nobody) {
            Meeting::Asker(address) => {
                drop(meeting);
                address.deliver(answer);
            }
            Meeting::Nobody | Meeting::Answer(_) => *meeting = Meeting::Answer(answer),
        }
    }
}

/// Asks by `begin`. An answer that is there when it returns never goes through the event loop.
pub(crate) fn ask<T>(
    py: Python<'_>,
    begin: impl FnOnce(Answer) -> Result<T>,
) -> PyResult<(Asked<'_>, T)> {
    let meeting = Arc::new(Mutex::new(Meeting::Nobody));
    let under_way = begin(Answer(Arc::clone(&meeting))).or_raise(py)?;
    let early = mem::replace(&mut *meeting.lock(), Meeting::Nobody);
    if let Meeting::Answer(answer) = early {
        logging::flush(py);
        let answer = answer.and_then(|it| it.map(|it| walk::read(py, &it)).transpose());
        return Ok((Asked::There(answer.or_raise(py)), under_way));
    }
    let (future, address) = Mailbox::receive(py)?;
    let mut meeting = meeting.lock();
    match mem::replace(&mut *meeting, Meeting::Nobody) {
        Meeting::Answer(answer) => {
            drop(meeting);
            address.deliver(answer); // it came meanwhile
        }
        Meeting::Nobody | Meeting::Asker(_) => *meeting = Meeting::Asker(address),
    }
    Ok((Asked::Waiting(future), under_way))
}
