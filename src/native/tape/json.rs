//! Tapes as JSON values. Exact, or an error that names the place; never nearly the same.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use zerepy_core::{Error, ErrorKind, Result};
use zerepy_plugin_abi::{MAX_DEPTH, Node, tag};

use super::{TapeError, TapeView};

/// The value on a tape as JSON.
///
/// # Errors
/// `Execution`, naming the path: bytes, NaN, infinities and integers beyond 64 bits have no JSON
/// form, and a broken tape has no value.
pub fn to_json(view: TapeView<'_>) -> Result<Value> {
    let mut reader = Reader { view, next: 0 };
    let value = reader.value(0).and_then(|value| {
        if reader.next == view.node_count() { Ok(value) } else { Err("more than one value".into()) }
    });
    value.map_err(|misfit| {
        let mut path = String::from("result");
        for step in misfit.path.iter().rev() {
            match step {
                Step::Key(key) => _ = write!(path, ".{key}"),
                Step::Item(index) => _ = write!(path, "[{index}]"),
            }
        }
        Error::new(ErrorKind::Execution, format!("{path}: {}", misfit.why))
    })
}

enum Step {
    Key(String),
    Item(usize),
}

/// Why a value has no JSON form; the path grows outwards, innermost step first.
struct Misfit {
    path: Vec<Step>,
    why: String,
}

impl Misfit {
    fn inside(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }
}

impl From<&str> for Misfit {
    fn from(why: &str) -> Self {
        Self { path: Vec::new(), why: why.to_owned() }
    }
}

impl From<TapeError> for Misfit {
    fn from(error: TapeError) -> Self {
        Self { path: Vec::new(), why: error.to_string() }
    }
}

struct Reader<'a> {
    view: TapeView<'a>,
    next: usize,
}

impl Reader<'_> {
    fn take(&mut self) -> Result<Node, TapeError> {
        let node = self.view.node(self.next)?;
        self.next += 1;
        Ok(node)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Misfit> {
        let node = self.take()?;
        Ok(match node.tag {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT => node.value.cast_signed().into(),
            tag::UINT => node.value.into(),
            tag::BIGINT => small_integer(self.view.bytes(node)?)?,
            tag::FLOAT => Number::from_f64(f64::from_bits(node.value))
                .map(Value::Number)
                .ok_or("NaN and infinities have no JSON form")?,
            tag::STR => self.view.text(node)?.into(),
            tag::BYTES => return Err("bytes have no JSON form".into()),
            _ if depth == MAX_DEPTH => return Err(TapeError::TooDeep.into()),
            tag::MAP => Value::Object(self.map(node, depth + 1)?),
            tag::LIST | tag::TUPLE => Value::Array(self.list(node, depth + 1)?),
            _ => return Err("a packed array has no JSON form".into()),
        })
    }

    fn list(&mut self, node: Node, depth: usize) -> Result<Vec<Value>, Misfit> {
        let mut items = Vec::with_capacity(node.len as usize);
        for index in 0..node.len as usize {
            items.push(self.value(depth).map_err(|misfit| misfit.inside(Step::Item(index)))?);
        }
        self.end(node)?;
        Ok(items)
    }

    fn map(&mut self, node: Node, depth: usize) -> Result<Map<String, Value>, Misfit> {
        let mut pairs = Map::with_capacity(node.len as usize);
        for _ in 0..node.len {
            let key = self.take()?;
            let key = self.view.text(key)?.to_owned();
            let value = match self.value(depth) {
                Ok(_) if pairs.contains_key(&key) => Err("the key stands twice".into()),
                value => value,
            };
            pairs.insert(key.clone(), value.map_err(|misfit| misfit.inside(Step::Key(key)))?);
        }
        self.end(node)?;
        Ok(pairs)
    }

    fn end(&self, container: Node) -> Result<(), TapeError> {
        if container.value == self.next as u64 {
            return Ok(());
        }
        Err(TapeError::Broken("a container that ends elsewhere"))
    }
}

/// A big integer that is not so big after all.
fn small_integer(bytes: &[u8]) -> Result<Value, Misfit> {
    let mut wide = [if bytes.last().is_some_and(|top| top & 0x80 != 0) { 0xff } else { 0 }; 16];
    if let Some(low) = wide.get_mut(..bytes.len()) {
        low.copy_from_slice(bytes);
        let wide = i128::from_le_bytes(wide);
        let narrow = i64::try_from(wide).map(Value::from);
        if let Ok(value) = narrow.or_else(|_| u64::try_from(wide).map(Value::from)) {
            return Ok(value);
        }
    }
    Err("an integer beyond 64 bits has no JSON form".into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Tape;
    use super::*;

    fn message(write: impl FnOnce(&mut Tape)) -> String {
        let mut tape = Tape::default();
        write(&mut tape);
        to_json(tape.view()).unwrap_err().to_string()
    }

    #[test]
    fn what_has_no_json_form_names_its_place() {
        let nan = message(|tape| {
            let map = tape.begin_map(1).unwrap();
            tape.str("items").unwrap();
            let list = tape.begin_tuple(2).unwrap();
            tape.null();
            tape.float(f64::NAN);
            tape.end(list).unwrap();
            tape.end(map).unwrap();
        });
        assert_eq!(nan, "result.items[1]: NaN and infinities have no JSON form");
        assert!(message(|tape| tape.bytes(b"x").unwrap()).contains("bytes have no JSON form"));
        assert!(message(|tape| tape.bigint(&[0; 17]).unwrap()).contains("beyond 64 bits"));
        assert!(message(|_| ()).contains("a value is missing"));
        let twice = message(|tape| {
            let map = tape.begin_map(2).unwrap();
            for _ in 0..2 {
                tape.str("k").unwrap();
                tape.null();
            }
            tape.end(map).unwrap();
        });
        assert_eq!(twice, "result.k: the key stands twice");
    }

    #[test]
    fn big_integers_that_fit_are_integers() {
        for (bytes, value) in [
            (&[0xff_u8][..], json!(-1)),
            (&[], json!(0)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], json!(u64::MAX)),
        ] {
            let mut tape = Tape::default();
            tape.bigint(bytes).unwrap();
            assert_eq!(to_json(tape.view()).unwrap(), value);
        }
    }

    #[test]
    fn inner_ends_must_agree() {
        let list = |len, value| Node { tag: tag::LIST, len, value };
        let null = Node { tag: tag::NULL, len: 0, value: 0 };
        let early = [list(1, 3), null, null];
        assert!(to_json(TapeView::new(&early, &[])).is_err());
        let deep: Vec<_> = (0..MAX_DEPTH + 2)
            .map(|level| list(u32::from(level <= MAX_DEPTH), MAX_DEPTH as u64 + 2))
            .collect();
        let error = to_json(TapeView::new(&deep, &[])).unwrap_err();
        assert!(error.to_string().contains("deeper than 128"), "{error}");
    }
}
