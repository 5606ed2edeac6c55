//! Writing packed arrays, or what becomes of them where they are not understood.

use zerepy_plugin_abi::tag;

use super::write::node_len;
use super::{Element, Tape, TapeError};

/// Where packed arrays begin in the arena: at multiples of this.
const ALIGNMENT: usize = 8;

impl Tape {
    /// Writes one number of an array, as it stands alone.
    pub fn scalar(&mut self, element: Element, bytes: &[u8]) {
        self.nodes.push(element.scalar(bytes));
        self.items += 1;
    }

    /// Writes a packed array, which is copied; `bytes` are whole numbers.
    pub fn packed(&mut self, element: Element, bytes: &[u8]) -> Result<(), TapeError> {
        if !self.form.packed {
            return self.unpacked(element, bytes);
        }
        self.packed_with(element, bytes.len(), |room| {
            room.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// Writes a packed array of so many bytes, which `fill` writes in place.
    pub fn packed_with<E: From<TapeError>>(
        &mut self,
        element: Element,
        bytes: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let len = node_len(bytes / element.size())?;
        self.announce(bytes + ALIGNMENT - 1)?;
        if !self.form.packed {
            let mut numbers = vec![0; bytes];
            fill(&mut numbers)?;
            return Ok(self.unpacked(element, &numbers)?);
        }
        let start = self.arena.len().next_multiple_of(ALIGNMENT);
        self.arena.resize(start + bytes, 0);
        fill(&mut self.arena[start..])?;
        self.push(element.tag(tag::PACKED), len, start as u64);
        Ok(())
    }

    /// Writes a packed array without copying it, unless its address does not suit its numbers.
    ///
    /// # Safety
    /// `ptr` points to `bytes` bytes, whole numbers, that neither move nor go away until the tape is
    /// cleared or dropped, and do not change while it is read.
    pub unsafe fn packed_ref(
        &mut self,
        element: Element,
        ptr: *const u8,
        bytes: usize,
    ) -> Result<(), TapeError> {
        if !self.form.packed || !ptr.addr().is_multiple_of(element.size()) {
            // SAFETY: the caller's promise.
            return self.packed(element, unsafe { std::slice::from_raw_parts(ptr, bytes) });
        }
        self.announce(bytes)?;
        let len = node_len(bytes / element.size())?;
        self.push(element.tag(tag::PACKED_REF), len, ptr.expose_provenance() as u64);
        Ok(())
    }

    /// Writes the numbers of an array as a list.
    fn unpacked(&mut self, element: Element, bytes: &[u8]) -> Result<(), TapeError> {
        let list = self.begin_list(bytes.len() / element.size())?;
        self.nodes.extend(bytes.chunks_exact(element.size()).map(|one| element.scalar(one)));
        self.items = list.expected;
        self.end(list)
    }
}

#[cfg(test)]
mod tests {
    use zerepy_plugin_abi::element;

    use super::super::Form;
    use super::*;

    #[test]
    fn arrays_are_aligned_and_become_lists_where_they_must() {
        let shorts = Element::from_letter(element::I16).unwrap();
        let mut tape = Tape::new(Form::DEFAULT);
        tape.bytes(b"x").unwrap();
        tape.packed(shorts, &[1, 0, 255, 255]).unwrap();
        let node = tape.view().node(1).unwrap();
        assert_eq!((node.len, node.value), (2, 8));
        assert_eq!(tape.view().packed(node), Ok((shorts, &[1, 0, 255, 255][..])));

        tape.reset(Form { packed: false, ..Form::DEFAULT });
        tape.packed(shorts, &[1, 0, 255, 255]).unwrap();
        let kinds: Vec<_> = (0..3).map(|at| tape.view().node(at).unwrap().tag).collect();
        assert_eq!(kinds, [tag::LIST, tag::INT, tag::INT]);
        assert!(tape.to_ffi().is_ok());
    }

    #[test]
    fn lent_ones_are_copied_only_if_they_are_not_aligned() {
        let doubles = Element::from_letter(element::F64).unwrap();
        let memory = [0.5_f64, 1.5];
        let start: *const u8 = memory.as_ptr().cast();
        let mut tape = Tape::default();
        let list = tape.begin_list(2).unwrap();
        // SAFETY: both are parts of the memory, which outlives the tape.
        unsafe {
            tape.packed_ref(doubles, start, 16).unwrap();
            tape.packed_ref(doubles, start.add(1), 8).unwrap();
        }
        tape.end(list).unwrap();
        let kinds = [1, 2].map(|at| tape.nodes[at].tag & tag::MASK);
        assert_eq!(kinds, [tag::PACKED_REF, tag::PACKED]);
        assert_eq!(tape.nodes[1].value, start.addr() as u64);
        assert_eq!(tape.arena.len(), 8);
    }
}
