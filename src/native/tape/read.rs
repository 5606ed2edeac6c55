//! Reading a tape, whatever the plugin wrote on it: nothing outside it is ever touched.

use zerepy_plugin_abi::{Node, tag};

use super::{Element, TapeError};

/// A tape to read from. Every access is checked against its bounds.
///
/// A reader takes node 0, then for a container as many values as it says, one after the other, each
/// beginning where the one before it ended; it should hold nesting to [`crate::MAX_DEPTH`].
#[derive(Clone, Copy, Debug)]
pub struct TapeView<'a> {
    nodes: &'a [Node],
    arena: &'a [u8],
}

impl<'a> TapeView<'a> {
    pub(crate) const fn new(nodes: &'a [Node], arena: &'a [u8]) -> Self {
        Self { nodes, arena }
    }

    /// Bytes of its nodes.
    #[must_use]
    pub const fn size_of_nodes(self) -> usize {
        size_of_val(self.nodes)
    }

    pub(crate) const fn arena(self) -> &'a [u8] {
        self.arena
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn node_count(self) -> usize {
        self.nodes.len()
    }

    /// The node at `index`, of a known kind. The items a container announces fit between it and
    /// its end, and that lies on the tape: it is safe to reserve room for `len` items.
    #[inline]
    pub fn node(self, index: usize) -> Result<Node, TapeError> {
        let Some(node) = self.nodes.get(index).copied() else {
            return Err(TapeError::Broken("a value is missing"));
        };
        match node.tag {
            tag::NULL..=tag::STR | tag::BYTES => Ok(node),
            tag::LIST | tag::TUPLE => self.container(index, node, 1),
            tag::MAP => self.container(index, node, 2),
            tag::STR_REF | tag::BYTES_REF => Err(TapeError::Broken("a lent value")),
            _ => match (Element::of(node), node.tag & tag::MASK) {
                (Some(_), tag::PACKED) => Ok(node),
                (_, tag::PACKED_REF) => Err(TapeError::Broken("a lent value")),
                _ => Err(TapeError::Broken("a value of an unknown kind")),
            },
        }
    }

    /// The bytes of a text, of bytes, or of a big integer. A text's are not checked to be UTF-8.
    #[inline]
    pub fn bytes(self, node: Node) -> Result<&'a [u8], TapeError> {
        if !matches!(node.tag, tag::STR | tag::BYTES | tag::BIGINT) {
            return Err(TapeError::Broken("bytes asked of another kind of value"));
        }
        self.range(node, node.len as usize)
    }

    /// What a packed array is of, and its numbers side by side; at any address.
    pub fn packed(self, node: Node) -> Result<(Element, &'a [u8]), TapeError> {
        let element = Element::of(node).filter(|_| node.tag & tag::MASK == tag::PACKED);
        let element = element.ok_or(TapeError::Broken("numbers asked of another kind of value"))?;
        let len = (node.len as usize).saturating_mul(element.size());
        Ok((element, self.range(node, len)?))
    }

    #[inline]
    fn range(self, node: Node, len: usize) -> Result<&'a [u8], TapeError> {
        usize::try_from(node.value)
            .ok()
            .and_then(|start| Some(start..start.checked_add(len)?))
            .and_then(|range| self.arena.get(range))
            .ok_or(TapeError::Broken("a text or bytes beyond the end of the data"))
    }

    /// A text.
    #[inline]
    pub fn text(self, node: Node) -> Result<&'a str, TapeError> {
        if node.tag != tag::STR {
            return Err(TapeError::Broken("a text is expected here"));
        }
        std::str::from_utf8(self.bytes(node)?)
            .map_err(|_| TapeError::Broken("a text that is not UTF-8"))
    }

    #[inline]
    fn container(self, index: usize, node: Node, nodes_each: usize) -> Result<Node, TapeError> {
        let room = usize::try_from(node.value)
            .ok()
            .filter(|&end| end <= self.nodes.len())
            .and_then(|end| end.checked_sub(index + 1))
            .ok_or(TapeError::Broken("a container that ends elsewhere"))?;
        if node.len as usize > room / nodes_each {
            return Err(TapeError::Broken("a container with fewer items than it says"));
        }
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(nodes: &[Node], arena: &[u8]) -> &'static str {
        let view = TapeView::new(nodes, arena);
        let outcome = view.node(0).and_then(|node| match node.tag {
            tag::STR => view.text(node).map(drop),
            tag::BYTES | tag::BIGINT => view.bytes(node).map(drop),
            _ => Ok(()),
        });
        match outcome {
            Err(TapeError::Broken(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    const fn node(tag: u32, len: u32, value: u64) -> Node {
        Node { tag, len, value }
    }

    #[test]
    fn hostile_nodes_are_refused() {
        assert_eq!(why(&[], b""), "a value is missing");
        assert_eq!(why(&[node(99, 0, 0)], b""), "a value of an unknown kind");
        assert_eq!(why(&[node(tag::STR_REF, 1, 4096)], b""), "a lent value");
        assert_eq!(why(&[node(tag::BYTES_REF, 1, 4096)], b""), "a lent value");
        assert_eq!(why(&[node(tag::STR, 2, 0)], b"\xff\xff"), "a text that is not UTF-8");
        let packed = |letter: u8| tag::PACKED | u32::from(letter) << tag::ELEMENT_SHIFT;
        let lent = tag::PACKED_REF | packed(b'd');
        assert_eq!(why(&[node(lent, 1, 4096)], b""), "a lent value");
        for tag in [packed(b'e'), packed(0), packed(b'd') | 1 << 16] {
            assert_eq!(why(&[node(tag, 0, 0)], b""), "a value of an unknown kind");
        }
        for (len, offset) in [(1, 1), (2, 0), (0, 9), (u32::MAX, 0), (1, u64::MAX)] {
            let found = TapeView::new(&[], &[0; 8]).packed(node(packed(b'd'), len, offset));
            assert!(found.is_err(), "{len} at {offset}");
        }
        for (len, offset) in [(2, 0), (1, 1), (0, 2), (1, u64::MAX), (u32::MAX, 0)] {
            for tag in [tag::STR, tag::BYTES, tag::BIGINT] {
                let found = why(&[node(tag, len, offset)], b"x");
                assert_eq!(found, "a text or bytes beyond the end of the data");
            }
        }
    }

    #[test]
    fn hostile_containers_are_refused() {
        for tag in [tag::LIST, tag::TUPLE, tag::MAP] {
            for end in [0, 3, u64::MAX] {
                let found = why(&[node(tag, 0, end), node(tag::NULL, 0, 0)], b"");
                assert_eq!(found, "a container that ends elsewhere");
            }
            for len in [2, u32::MAX] {
                let found = why(&[node(tag, len, 2), node(tag::NULL, 0, 0)], b"");
                assert_eq!(found, "a container with fewer items than it says");
            }
        }
    }

    #[test]
    fn forged_nodes_read_nothing() {
        let view = TapeView::new(&[], b"abc");
        assert!(view.bytes(node(tag::STR_REF, 3, 0)).is_err());
        assert!(view.text(node(tag::BYTES, 3, 0)).is_err());
        assert!(view.packed(node(tag::BYTES, 3, 0)).is_err());
        assert_eq!(view.text(node(tag::STR, 2, 1)), Ok("bc"));
    }
}
