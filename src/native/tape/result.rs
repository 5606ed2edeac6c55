//! What a plugin handed over: a tape, or a tape that was read out of its bytes.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::{ptr, slice};

use zerepy_plugin_abi::{FfiOwnedTape, FfiTape, Node, TAPE_VERSION, status, tag};

use super::{Form, Tape, TapeError, TapeView, from_msgpack};
use crate::descriptor::Encoding;

/// A result; what is the plugin's is given back when it is dropped, which may happen on any thread.
#[derive(Debug)]
pub struct ResultTape {
    raw: FfiOwnedTape, // checked, or empty
    form: Form,
}

// SAFETY: it is plain data that only this value refers to, and `release` may be called from any
// thread.
unsafe impl Send for ResultTape {}
// SAFETY: as above; sharing it only reads.
unsafe impl Sync for ResultTape {}

impl ResultTape {
    /// A place for a result, with nothing in it.
    #[must_use]
    pub const fn vacant(form: Form) -> Self {
        Self { raw: FfiOwnedTape::empty(), form }
    }

    /// Has a plugin write its result here, in place: nothing is moved. Gives the status that `write`
    /// answers with; unless that is OK, what was written is released at once.
    ///
    /// # Safety
    /// As for [`take`](Self::take), of what `write` writes.
    #[inline]
    pub(crate) unsafe fn receive(
        &mut self,
        encoding: Encoding,
        write: impl FnOnce(*mut FfiOwnedTape) -> i32,
    ) -> Result<i32, TapeError> {
        let status = write(&raw mut self.raw);
        if status == status::OK {
            self.accept(encoding)?;
        } else {
            *self = Self::vacant(self.form);
        }
        Ok(status)
    }

    /// Takes over what a plugin wrote. It is released in any case, at once if it cannot be read.
    ///
    /// # Safety
    /// What `raw` points to, as far as it is not NULL, is readable in the length it says until
    /// `release` is called, which nobody else does.
    #[inline]
    pub(crate) unsafe fn take(
        raw: FfiOwnedTape,
        encoding: Encoding,
        form: Form,
    ) -> Result<Self, TapeError> {
        let mut taken = Self { raw, form };
        taken.accept(encoding)?;
        Ok(taken)
    }

    /// Checks what was written; it is gone if it cannot be read.
    #[inline]
    fn accept(&mut self, encoding: Encoding) -> Result<(), TapeError> {
        let checked = check(&self.raw.tape).and_then(|()| match encoding {
            Encoding::Tape => Ok(None),
            Encoding::Msgpack => unwrapped(self.view(), self.form).and_then(own).map(Some),
        });
        let (raw, outcome) = match checked {
            Ok(None) => return Ok(()),
            Ok(Some(own)) => (own, Ok(())),
            Err(broken) => (FfiOwnedTape::empty(), Err(broken)),
        };
        *self = Self { raw, form: self.form };
        outcome
    }

    /// What was written.
    #[inline]
    #[must_use]
    pub fn view(&self) -> TapeView<'_> {
        // SAFETY: it was checked or is empty, and who wrote it keeps the memory until `release`.
        unsafe { checked(&self.raw.tape) }
    }

    /// A value of the host's own, as if a plugin had handed it over.
    ///
    /// # Errors
    /// `Unbalanced` unless it holds one whole value.
    pub fn from_host(tape: Tape) -> Result<Self, TapeError> {
        let form = tape.form();
        Ok(Self { raw: own(tape)?, form })
    }

    /// Hands it on, as a tape; whoever gets it gives it back.
    pub(crate) fn into_ffi(self) -> FfiOwnedTape {
        let FfiOwnedTape { tape, owner, release } = ManuallyDrop::new(self).raw;
        FfiOwnedTape { tape, owner, release }
    }

    /// How large the value may be that is made of it, in bytes.
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        self.form.max_payload
    }
}

impl Drop for ResultTape {
    #[inline]
    fn drop(&mut self) {
        if let Some(release) = self.raw.release {
            // SAFETY: it was provided for this owner, and this is the only time.
            unsafe { release(self.raw.owner) };
        }
    }
}

/// A tape of the host's, for a plugin to give back.
fn own(tape: Tape) -> Result<FfiOwnedTape, TapeError> {
    unsafe extern "C" fn release(owner: *mut c_void) {
        // SAFETY: it is given back once, as `own` made it.
        drop(unsafe { Box::from_raw(owner.cast::<Tape>()) });
    }
    let owner = Box::new(tape);
    let tape = owner.to_ffi()?;
    Ok(FfiOwnedTape { tape, owner: Box::into_raw(owner).cast(), release: Some(release) })
}

/// The value whose MessagePack is the one node of `view`.
fn unwrapped(view: TapeView<'_>, form: Form) -> Result<Tape, TapeError> {
    let node = view.node(0)?;
    if node.tag != tag::BYTES || view.node_count() != 1 {
        return Err(TapeError::Broken("it is not the bytes that its encoding wants"));
    }
    let mut tape = Tape::new(form);
    from_msgpack(view.bytes(node)?, &mut tape)?;
    Ok(tape)
}

/// Reads a tape that a plugin lends.
///
/// # Safety
/// `tape` is NULL, or what it points to, as far as it is not NULL, is readable in the length it says
/// for as long as the view is used.
pub(crate) unsafe fn lent_view<'a>(tape: *const FfiTape) -> Result<TapeView<'a>, TapeError> {
    // SAFETY: the caller's promise.
    let tape = unsafe { tape.as_ref() }.ok_or(TapeError::Broken("there is none"))?;
    check(tape)?;
    // SAFETY: it was checked, and the caller vouches for the rest.
    Ok(unsafe { checked(tape) })
}

/// # Safety
/// `check` passed or it is empty, and the memory is readable for as long as the view is used.
#[inline]
unsafe fn checked<'a>(tape: &FfiTape) -> TapeView<'a> {
    let arena = if tape.arena.is_null() { ptr::dangling() } else { tape.arena };
    let nodes = if tape.nodes.is_null() { ptr::dangling() } else { tape.nodes };
    // SAFETY: the caller's promise.
    unsafe {
        TapeView::new(
            slice::from_raw_parts(nodes, tape.node_count),
            slice::from_raw_parts(arena, tape.arena_len),
        )
    }
}

#[inline]
fn check(tape: &FfiTape) -> Result<(), TapeError> {
    const MAX_NODES: usize = isize::MAX as usize / size_of::<Node>();
    if tape.version != TAPE_VERSION {
        return Err(TapeError::Broken("it has another version of the format"));
    }
    if tape.node_count == 0 || tape.nodes.is_null() {
        return Err(TapeError::Broken("it is empty"));
    }
    if tape.node_count > MAX_NODES || !tape.nodes.is_aligned() {
        return Err(TapeError::Broken("its nodes cannot be where it says"));
    }
    if tape.arena_len > isize::MAX as usize || (tape.arena.is_null() && tape.arena_len != 0) {
        return Err(TapeError::Broken("its bytes cannot be where it says"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    static NULL: Node = Node { tag: tag::NULL, len: 0, value: 0 };

    fn tape(change: impl FnOnce(&mut FfiTape)) -> FfiTape {
        let mut tape = FfiTape { nodes: &raw const NULL, node_count: 1, ..FfiTape::empty() };
        change(&mut tape);
        tape
    }

    #[test]
    fn impossible_tapes_are_refused() {
        assert_eq!(check(&tape(|_| ())), Ok(()));
        assert!(check(&FfiTape::empty()).is_err());
        assert!(check(&tape(|tape| tape.version = 2)).is_err());
        assert!(check(&tape(|tape| tape.node_count = usize::MAX)).is_err());
        assert!(check(&tape(|tape| tape.nodes = tape.nodes.wrapping_byte_add(1))).is_err());
        assert!(check(&tape(|tape| tape.arena_len = 1)).is_err());
        assert!(check(&tape(|tape| tape.arena_len = usize::MAX)).is_err());
    }

    #[test]
    fn a_place_holds_nothing_but_what_was_accepted() {
        let mut place = ResultTape::vacant(Form::DEFAULT);
        assert_eq!(place.view().node_count(), 0);
        let broken = FfiTape { node_count: 7, ..FfiTape::empty() };
        for (written, answer) in [(tape(|_| ()), status::FAILED), (broken, status::OK)] {
            let raw = FfiOwnedTape { tape: written, ..FfiOwnedTape::empty() };
            // SAFETY: the tape is readable or says that it is nowhere.
            let outcome = unsafe {
                place.receive(Encoding::Tape, |out| {
                    out.write(raw);
                    answer
                })
            };
            assert_eq!(outcome.is_ok(), answer == status::FAILED);
            assert_eq!(place.view().node_count(), 0);
        }
    }

    #[test]
    fn it_is_released_once_readable_or_not() {
        unsafe extern "C" fn count(owner: *mut std::ffi::c_void) {
            // SAFETY: the owner below is this counter, which outlives the tapes.
            unsafe { &*owner.cast::<AtomicU32>() }.fetch_add(1, Ordering::Relaxed);
        }
        let released = AtomicU32::new(0);
        let owner = (&raw const released).cast_mut().cast();
        for encoding in [Encoding::Tape, Encoding::Msgpack] {
            for tape in [tape(|_| ()), FfiTape::empty()] {
                let raw = FfiOwnedTape { tape, owner, release: Some(count) };
                // SAFETY: the tape is readable or says that it is empty.
                let taken = unsafe { ResultTape::take(raw, encoding, Form::DEFAULT) };
                std::thread::spawn(move || drop(taken)).join().unwrap();
            }
        }
        assert_eq!(released.into_inner(), 4);
    }
}
