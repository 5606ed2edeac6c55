//! What a plugin handed over: a tape, or a tape that was read out of its bytes.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::{ptr, slice};

use zerepy_plugin_abi::{FfiOwnedTape, FfiTape, Node, TAPE_VERSION, tag};

use super::{Form, Tape, TapeError, TapeView, from_msgpack};
use crate::descriptor::Encoding;

/// A result; what is the plugin's is given back when it is dropped, which may happen on any thread.
#[derive(Debug)]
pub struct ResultTape {
    source: Source,
    form: Form,
}

#[derive(Debug)]
enum Source {
    /// In the plugin's memory.
    Lent(PluginTape),
    /// In our own.
    Read(Tape),
}

impl ResultTape {
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
        // SAFETY: the caller's promise.
        let lent = unsafe { PluginTape::take(raw)? };
        let source = match encoding {
            Encoding::Tape => Source::Lent(lent),
            Encoding::Msgpack => Source::Read(unwrapped(lent.view(), form)?),
        };
        Ok(Self { source, form })
    }

    /// What was written.
    #[inline]
    #[must_use]
    pub fn view(&self) -> TapeView<'_> {
        match &self.source {
            Source::Lent(tape) => tape.view(),
            Source::Read(tape) => tape.view(),
        }
    }

    /// A value of the host's own, as if a plugin had handed it over.
    ///
    /// # Errors
    /// `Unbalanced` unless it holds one whole value.
    pub fn from_host(tape: Tape) -> Result<Self, TapeError> {
        tape.to_ffi()?;
        let form = tape.form();
        Ok(Self { source: Source::Read(tape), form })
    }

    /// Hands it on, as a tape; whoever gets it gives it back.
    pub(crate) fn into_ffi(self) -> Result<FfiOwnedTape, TapeError> {
        match self.source {
            Source::Lent(tape) => Ok(tape.into_raw()),
            Source::Read(tape) => own(tape),
        }
    }

    /// How large the value may be that is made of it, in bytes.
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        self.form.max_payload
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

/// A tape in the plugin's memory.
#[derive(Debug)]
struct PluginTape(FfiOwnedTape);

// SAFETY: it is plain data that only this value refers to, and `release` may be called from any
// thread.
unsafe impl Send for PluginTape {}
// SAFETY: as above; sharing it only reads.
unsafe impl Sync for PluginTape {}

impl PluginTape {
    /// # Safety
    /// As for [`ResultTape::take`].
    #[inline]
    unsafe fn take(raw: FfiOwnedTape) -> Result<Self, TapeError> {
        let taken = Self(raw);
        check(&taken.0.tape)?;
        Ok(taken)
    }

    fn into_raw(self) -> FfiOwnedTape {
        let FfiOwnedTape { tape, owner, release } = ManuallyDrop::new(self).0;
        FfiOwnedTape { tape, owner, release }
    }

    #[inline]
    fn view(&self) -> TapeView<'_> {
        // SAFETY: `check` passed, and `take`'s caller vouches for the memory as long as this value
        // lives.
        unsafe { checked(&self.0.tape) }
    }
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
/// `check` passed, and the memory is readable for as long as the view is used.
#[inline]
unsafe fn checked<'a>(tape: &FfiTape) -> TapeView<'a> {
    let arena = if tape.arena.is_null() { ptr::dangling() } else { tape.arena };
    // SAFETY: the caller's promise.
    unsafe {
        TapeView::new(
            slice::from_raw_parts(tape.nodes, tape.node_count),
            slice::from_raw_parts(arena, tape.arena_len),
        )
    }
}

impl Drop for PluginTape {
    #[inline]
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: the plugin provided it for this owner, and this is the only time.
            unsafe { release(self.0.owner) };
        }
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
