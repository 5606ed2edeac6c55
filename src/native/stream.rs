//! Actions that yield items: opened here, asked for one item at a time, closed once.
//!
//! A stream is in its instance from being opened until its library says that nothing of it is left.
//! It keeps the ABI's order whatever its callers do.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_plugin_abi::{FfiTape, status};

use crate::completion::{self, Outcome, Stay};
use crate::failure::{PluginError, Step};
use crate::gate::Inside;
use crate::handshake::Streams;
use crate::instance::Instance;
use crate::{Form, ResultTape, fork};

/// Takes an item, the end (`None`) or the error that the stream ended with, on whatever thread.
pub type ItemDone = Box<dyn FnOnce(Result<Option<ResultTape>>) + Send>;

/// An open stream. Dropping it closes it: what still produces is ended early.
#[derive(Debug)]
pub struct Stream(Arc<Opened>);

/// What an instance knows of its open streams, to close them.
#[derive(Debug)]
pub(crate) struct Opened {
    open: Mutex<Option<Open>>, // none once it is closed
    phase: Arc<AtomicU8>,
    step: Step,
    form: Form,
    instance: Arc<Instance>,
}

/// The values of `phase`: nothing is asked for, an item is, the stream has ended, it was closed while
/// an item was asked for.
const IDLE: u8 = 0;
const ASKED: u8 = 1;
const ENDED: u8 = 2;
const STOPPED: u8 = 3;

#[derive(Debug)]
struct Open {
    streams: Streams,
    handle: *mut c_void,
    stay: Stay,
    generation: u32,
}

// SAFETY: the ABI allows its functions on any thread.
unsafe impl Send for Open {}

/// Opens a stream of `instance`, inside of which the caller is.
pub(crate) fn open(
    instance: &Arc<Instance>,
    inside: &Inside<'_>,
    streams: Streams,
    action: u32,
    (params, form): (FfiTape, Form),
) -> Result<Stream> {
    let step = Step::Act(action);
    let (mut handle, mut error) = (ptr::null_mut(), PluginError::new());
    // SAFETY: the instance is initialized, and stays so until it is left; the tape and the places
    // live for the time of the call.
    let status = unsafe {
        (streams.open)(
            instance.handle(),
            action,
            &raw const params,
            &raw mut handle,
            error.as_mut_ptr(),
        )
    };
    if status != status::OK {
        return Err(error.to_error(step, instance.info()));
    }
    inside.stay();
    let stay = Stay(Arc::clone(instance));
    let open = Open { streams, handle, stay, generation: fork::generation() };
    let opened = Arc::new(Opened {
        open: Mutex::new(Some(open)),
        phase: Arc::new(AtomicU8::new(IDLE)),
        step,
        form,
        instance: Arc::clone(instance),
    });
    instance.remember(&opened);
    Ok(Stream(opened))
}

impl Stream {
    /// Asks for the next item; `done` gets it, perhaps before this returns, and must not use the
    /// stream. After the end it gets the end again.
    ///
    /// # Errors
    /// `State` if an item is being waited for, if the stream was closed because its plugin was
    /// stopped, or if this process was forked off after it was opened; `done` is dropped uncalled.
    pub fn next(&self, done: ItemDone) -> Result<()> {
        let Opened { open, phase, step, form, instance } = &*self.0;
        let open = open.lock();
        let Some(Open { streams, handle, generation, .. }) = &*open else {
            return Err(stopped(instance, *step));
        };
        if *generation != fork::generation() {
            return Err(instance.forked(*step));
        }
        match phase.compare_exchange(IDLE, ASKED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {}
            Err(ENDED) => {
                done(Ok(None));
                return Ok(());
            }
            Err(_) => {
                let why = "the item before is still being waited for";
                return Err(instance.wrong_state(*step, why).with_hint("Wait for it first"));
            }
        }
        let reading = instance.reading(*form);
        let (phase, step, instance) = (Arc::clone(phase), *step, Arc::clone(instance));
        let completion = completion::expect(
            reading,
            Box::new(move |outcome| {
                let item = item(&instance, step, outcome);
                let next = if matches!(item, Ok(Some(_))) { IDLE } else { ENDED };
                let was_stopped = phase.swap(next, Ordering::AcqRel) == STOPPED;
                let item = item
                    .map_err(|error| if was_stopped { stopped(&instance, step) } else { error });
                done(item);
            }),
        );
        // SAFETY: the library made the stream, which the lock keeps open meanwhile; nothing is asked
        // for, and it has not ended.
        unsafe { (streams.next)(*handle, &raw const completion) };
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Opened {
    /// Closes it because its plugin is stopped; whoever waits for an item, or asks for one, is told.
    pub(crate) fn stop(&self) {
        let phase = &self.phase;
        let _ = phase.compare_exchange(ASKED, STOPPED, Ordering::AcqRel, Ordering::Relaxed);
        self.close();
    }

    /// Closes it, unless it is closed; an item that is waited for has its outcome.
    fn close(&self) {
        let Some(Open { streams, handle, stay, generation }) = self.open.lock().take() else {
            return;
        };
        if generation != fork::generation() {
            return; // it is the parent's; a lock its library held at the fork stays locked here
        }
        let completion = completion::expect(completion::ANY, Box::new(move |_| drop(stay)));
        // SAFETY: the library made it, and this is the last use of it.
        unsafe { (streams.close)(handle, &raw const completion) };
    }
}

fn stopped(instance: &Instance, step: Step) -> Error {
    let why = "its plugin was stopped, which closed the stream";
    instance.wrong_state(step, why).with_hint("Start the plugin, then open a new one")
}

fn item(instance: &Instance, step: Step, outcome: Outcome) -> Result<Option<ResultTape>> {
    match (outcome.result, outcome.error) {
        (Some(Ok(item)), _) => Ok(Some(item)),
        (Some(Err(broken)), _) => {
            let message = format!("{} gave a broken item: {broken}", step.of(instance.info()));
            Err(Error::new(ErrorKind::Execution, message).with_plugin(&instance.info().name))
        }
        (None, Some(error)) => Err(error.to_error(step, instance.info())),
        (None, None) => Ok(None),
    }
}
