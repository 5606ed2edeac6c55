//! What a type looks like from outside: a tree known at compile time, rendered as JSON Schema.
//! It describes; checking values is the host's and serde's work.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::json::Json;
use crate::packed::{Packed, PackedRef};
use crate::value::{BigInt, Bytes, Value};

/// A type that can describe itself. Derive it for structs with named fields and for enums of
/// names; `derive(Schema)` reads the `serde` attributes beside it.
///
/// The tree is a constant, so a type cannot contain itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no schema",
    note = "put `#[derive(Schema)]` on it, or use `Value` for what may be anything"
)]
pub trait Schema {
    /// The description.
    const SCHEMA: &'static Shape;
}

/// One kind of value; see [`Schema`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Shape {
    /// Anything at all.
    Any,
    /// Python's `None`.
    Null,
    /// `True` or `False`.
    Bool,
    /// An integer.
    Int,
    /// An integer of at least 0.
    UInt,
    /// A float, or an integer that is one exactly.
    Float,
    /// A text.
    Str,
    /// Bytes, which JSON Schema has no word for.
    Bytes,
    /// The value, or `None`.
    Optional(&'static Shape),
    /// A list of such items, or a packed array of them.
    List(&'static Shape),
    /// A tuple of just these items.
    Tuple {
        /// What the items look like, in order.
        items: &'static [&'static Shape],
    },
    /// A map from texts to such values.
    Map(&'static Shape),
    /// One of these texts.
    Choice {
        /// What it is for.
        description: &'static str,
        /// The texts.
        names: &'static [&'static str],
    },
    /// A map with known keys.
    Struct {
        /// What it is for.
        description: &'static str,
        /// The known keys.
        fields: &'static [Field],
        /// Whether other keys are let pass.
        open: bool,
    },
}

/// One known key of a [`Shape::Struct`].
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What its value looks like.
    pub shape: &'static Shape,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it must never be shown.
    pub secret: bool,
}

impl Shape {
    /// An empty map: the parameters of an action that takes none.
    pub(crate) const NOTHING: &'static Self =
        &Self::Struct { description: "", fields: &[], open: false };

    /// Whether an empty map is not enough.
    pub(crate) const fn needs_fields(&self) -> bool {
        let Self::Struct { fields, .. } = self else { return true };
        let mut at = 0;
        while at < fields.len() {
            if fields[at].required {
                return true;
            }
            at += 1;
        }
        false
    }

    /// Writes the JSON Schema; a `description` given here goes before the shape's own.
    pub(crate) const fn write<const N: usize>(
        &self,
        json: &mut Json<N>,
        description: &str,
        secret: bool,
    ) {
        let description = if description.is_empty() { self.description() } else { description };
        json.raw("{");
        if !description.is_empty() {
            json.pair("description", description);
        }
        self.write_members(json);
        if secret {
            json.key("writeOnly");
            json.raw("true");
        }
        json.raw("}");
    }

    const fn description(&self) -> &'static str {
        match self {
            Self::Choice { description, .. } | Self::Struct { description, .. } => description,
            _ => "",
        }
    }

    const fn write_members<const N: usize>(&self, json: &mut Json<N>) {
        match self {
            Self::Any => {}
            Self::Null => json.pair("type", "null"),
            Self::Bool => json.pair("type", "boolean"),
            Self::Int => json.pair("type", "integer"),
            Self::UInt => {
                json.pair("type", "integer");
                json.key("minimum");
                json.raw("0");
            }
            Self::Float => json.pair("type", "number"),
            Self::Str => json.pair("type", "string"),
            Self::Bytes => json.pair("format", "binary"),
            Self::Optional(shape) => {
                json.key("anyOf");
                json.raw("[");
                shape.write(json, "", false);
                json.raw(",{\"type\":\"null\"}]");
            }
            Self::List(item) => {
                json.pair("type", "array");
                json.key("items");
                item.write(json, "", false);
            }
            Self::Tuple { items } => write_tuple(json, items),
            Self::Map(value) => {
                json.pair("type", "object");
                json.key("additionalProperties");
                value.write(json, "", false);
            }
            Self::Choice { names, .. } => {
                json.pair("type", "string");
                json.key("enum");
                json.texts(names);
            }
            Self::Struct { fields, open, .. } => write_struct(json, fields, *open),
        }
    }
}

const fn write_tuple<const N: usize>(json: &mut Json<N>, items: &[&Shape]) {
    json.pair("type", "array");
    json.key("prefixItems");
    json.raw("[");
    let mut at = 0;
    while at < items.len() {
        json.comma();
        items[at].write(json, "", false);
        at += 1;
    }
    json.raw("]");
    json.key("items");
    json.raw("false");
}

const fn write_struct<const N: usize>(json: &mut Json<N>, fields: &[Field], open: bool) {
    json.pair("type", "object");
    json.key("properties");
    json.raw("{");
    let mut at = 0;
    while at < fields.len() {
        json.key(fields[at].name);
        fields[at].shape.write(json, fields[at].description, fields[at].secret);
        at += 1;
    }
    json.raw("}");
    json.key("required");
    json.raw("[");
    at = 0;
    while at < fields.len() {
        if fields[at].required {
            json.comma();
            json.text(fields[at].name);
        }
        at += 1;
    }
    json.raw("]");
    if !open {
        json.key("additionalProperties");
        json.raw("false");
    }
}

macro_rules! leaves {
    ($($shape:ident: $($type:ty),+;)+) => {
        $($(impl Schema for $type {
            const SCHEMA: &'static Shape = &Shape::$shape;
        })+)+
    };
}

leaves! {
    Any: Value;
    Null: ();
    Bool: bool;
    Int: i8, i16, i32, i64, i128, isize, BigInt;
    UInt: u8, u16, u32, u64, u128, usize;
    Float: f32, f64;
    Str: str, String, char;
    Bytes: [u8], Bytes;
}

impl<T: Schema + ?Sized> Schema for &T {
    const SCHEMA: &'static Shape = T::SCHEMA;
}

impl<T: Schema + ?Sized> Schema for Box<T> {
    const SCHEMA: &'static Shape = T::SCHEMA;
}

impl<T: Schema + ToOwned + ?Sized> Schema for Cow<'_, T> {
    const SCHEMA: &'static Shape = T::SCHEMA;
}

impl<T: Schema> Schema for Option<T> {
    const SCHEMA: &'static Shape = &Shape::Optional(T::SCHEMA);
}

impl<T: Schema> Schema for Vec<T> {
    const SCHEMA: &'static Shape = &Shape::List(T::SCHEMA);
}

impl<T: Schema> Schema for Packed<T> {
    const SCHEMA: &'static Shape = &Shape::List(T::SCHEMA);
}

impl<T: Schema + Clone> Schema for PackedRef<'_, T> {
    const SCHEMA: &'static Shape = &Shape::List(T::SCHEMA);
}

impl<K, V: Schema, S> Schema for HashMap<K, V, S> {
    const SCHEMA: &'static Shape = &Shape::Map(V::SCHEMA);
}

impl<K, V: Schema> Schema for BTreeMap<K, V> {
    const SCHEMA: &'static Shape = &Shape::Map(V::SCHEMA);
}

impl<A: Schema, B: Schema> Schema for (A, B) {
    const SCHEMA: &'static Shape = &Shape::Tuple { items: &[A::SCHEMA, B::SCHEMA] };
}

impl<A: Schema, B: Schema, C: Schema> Schema for (A, B, C) {
    const SCHEMA: &'static Shape = &Shape::Tuple { items: &[A::SCHEMA, B::SCHEMA, C::SCHEMA] };
}
