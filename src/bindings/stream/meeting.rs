//! Asking a native stream for an item, and where its answer meets whoever asked.
//!
//! The library's thread never touches Python.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use zerepy_native::Stream;

use crate::errors::OrRaise;
use crate::mailbox::{Delivery, Mailbox};
use crate::{logging, walk};

/// What comes of asking for an item.
pub(super) enum Asked<'py> {
    There(PyResult<Option<Bound<'py, PyAny>>>),
    Waiting(Bound<'py, PyAny>),
}

/// Between a library's thread and the asker: whoever comes second finds what the first one left.
enum Meeting {
    Nobody,
    Item(Delivery),
    Asker(Box<dyn FnOnce(Delivery) + Send>),
}

/// Asks for an item. One that is there already never goes through the event loop.
pub(super) fn ask<'py>(py: Python<'py>, stream: &Stream) -> PyResult<Asked<'py>> {
    let meeting = Arc::new(Mutex::new(Meeting::Nobody));
    let library = Arc::clone(&meeting);
    let done = Box::new(move |item| {
        let mut meeting = library.lock();
        match mem::replace(&mut *meeting, Meeting::Nobody) {
            Meeting::Asker(deliver) => {
                drop(meeting);
                deliver(item);
            }
            Meeting::Nobody | Meeting::Item(_) => *meeting = Meeting::Item(item),
        }
    });
    stream.next(done).or_raise(py)?;
    let early = mem::replace(&mut *meeting.lock(), Meeting::Nobody);
    if let Meeting::Item(item) = early {
        logging::flush(py);
        let item = item.and_then(|item| item.map(|item| walk::read(py, &item)).transpose());
        return Ok(Asked::There(item.or_raise(py)));
    }
    let (future, deliver) = Mailbox::receive(py)?;
    let mut meeting = meeting.lock();
    match mem::replace(&mut *meeting, Meeting::Nobody) {
        Meeting::Item(item) => {
            drop(meeting);
            deliver(item); // it came meanwhile
        }
        Meeting::Nobody | Meeting::Asker(_) => *meeting = Meeting::Asker(Box::new(deliver)),
    }
    Ok(Asked::Waiting(future))
}
