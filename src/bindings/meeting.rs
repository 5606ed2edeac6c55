//! Where the answer of a library's thread meets whoever asked: a call, or the asker of an item.
//!
//! The library's thread never touches Python.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use zerepy_core::Result;

use crate::errors::OrRaise;
use crate::mailbox::{Delivery, Mailbox};
use crate::{logging, walk};

/// What comes of asking: an answer that is there already, or something to wait for.
pub(crate) enum Asked<'py> {
    There(PyResult<Option<Bound<'py, PyAny>>>),
    Waiting(Bound<'py, PyAny>),
}

/// Takes the answer, on whatever thread.
pub(crate) type Deliver = Box<dyn FnOnce(Delivery) + Send>;

/// Between a library's thread and the asker: whoever comes second finds what the first one left.
enum Meeting {
    Nobody,
    Answer(Delivery),
    Asker(Deliver),
}

/// Asks by `begin`. An answer that is there when it returns never goes through the event loop.
pub(crate) fn ask<T>(
    py: Python<'_>,
    begin: impl FnOnce(Deliver) -> Result<T>,
) -> PyResult<(Asked<'_>, T)> {
    let meeting = Arc::new(Mutex::new(Meeting::Nobody));
    let library = Arc::clone(&meeting);
    let done = Box::new(move |answer| {
        let mut meeting = library.lock();
        match mem::replace(&mut *meeting, Meeting::Nobody) {
            Meeting::Asker(deliver) => {
                drop(meeting);
                deliver(answer);
            }
            Meeting::Nobody | Meeting::Answer(_) => *meeting = Meeting::Answer(answer),
        }
    });
    let under_way = begin(done).or_raise(py)?;
    let early = mem::replace(&mut *meeting.lock(), Meeting::Nobody);
    if let Meeting::Answer(answer) = early {
        logging::flush(py);
        let answer = answer.and_then(|it| it.map(|it| walk::read(py, &it)).transpose());
        return Ok((Asked::There(answer.or_raise(py)), under_way));
    }
    let (future, deliver) = Mailbox::receive(py)?;
    let mut meeting = meeting.lock();
    match mem::replace(&mut *meeting, Meeting::Nobody) {
        Meeting::Answer(answer) => {
            drop(meeting);
            deliver(answer); // it came meanwhile
        }
        Meeting::Nobody | Meeting::Asker(_) => *meeting = Meeting::Asker(Box::new(deliver)),
    }
    Ok((Asked::Waiting(future), under_way))
}
