//! The C header, made from the tables' source and layout.

use std::fmt::Write;
use std::fs;

use syn::{
    Attribute, Expr, Fields, Item, ItemConst, ItemEnum, ItemStruct, ItemType, Lit, Visibility,
};
use zerepy_plugin_abi::{ENTRY_SYMBOL, MAGIC};

use crate::layout::{Table, tables};
use crate::{RENEW, c, renews};

const CHECKED_IN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../python/zerepy_plugins/include/zerepy_plugin.h");

/// In an order in which C knows what it reads.
const SOURCES: [&str; 5] = [
    include_str!("../../lib.rs"),
    include_str!("../../tape.rs"),
    include_str!("../../library.rs"),
    include_str!("../../host.rs"),
    include_str!("../../services.rs"),
];

const OPENING: &str = "\
#ifndef ZEREPY_PLUGIN_H
#define ZEREPY_PLUGIN_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern \"C\" {
#endif

";

const CLOSING: &str = "
#ifdef __cplusplus
}
#endif

#endif
";

/// The header, and what layout.golden says of its constants.
pub(crate) struct Header {
    text: String,
    pub(crate) constants: Vec<String>,
}

impl Header {
    pub(crate) fn generate() -> Self {
        let opening = "/* This file is made from the host's sources. */\n\n".to_owned();
        let mut header = Self { text: opening, constants: Vec::new() };
        let [root, parts @ ..] = SOURCES.map(|source| syn::parse_file(source).unwrap());
        header.comment(&root.attrs, "");
        header.text += OPENING;
        header.items(&root.items, "");
        header.text += "\n";
        for table in tables() {
            let name = c::type_name(table.name);
            header.text += &c::statement(&format!("typedef struct {name} {name}"), "");
        }
        for part in parts {
            header.section(&part.attrs);
            header.items(&part.items, "");
        }
        header.assertions(&tables());
        header.text += CLOSING;
        header.text = header.text.replace("\n\n\n", "\n\n");
        header
    }

    fn comment(&mut self, attributes: &[Attribute], indent: &str) {
        self.text += &c::comment(&c::paragraphs(attributes), indent);
    }

    /// A comment on all that follows.
    fn section(&mut self, attributes: &[Attribute]) {
        self.text += "\n";
        self.comment(attributes, "");
        self.text += "\n";
    }

    fn items(&mut self, items: &[Item], module: &str) {
        for item in items {
            match item {
                Item::Const(constant) if matches!(constant.vis, Visibility::Public(_)) => {
                    self.define(
                        &constant.attrs,
                        module,
                        &constant.ident.to_string(),
                        &value(constant),
                    );
                }
                Item::Mod(inner) => {
                    if let Some((_, items)) = &inner.content {
                        self.section(&inner.attrs);
                        self.items(items, &inner.ident.to_string());
                    }
                }
                Item::Enum(numbers) => self.numbers(numbers),
                Item::Struct(table) => self.table(table),
                Item::Type(alias) => self.alias(alias),
                _ => {}
            }
        }
    }

    fn define(&mut self, attributes: &[Attribute], module: &str, name: &str, value: &str) {
        let name = c::constant_name(module, name);
        self.comment(attributes, "");
        writeln!(self.text, "#define {name} {value}").unwrap();
        if name != "ZEREPY_ABI_MINOR" {
            self.constants.push(format!("{name} {value}"));
        }
    }

    fn numbers(&mut self, numbers: &ItemEnum) {
        self.section(&numbers.attrs);
        for variant in &numbers.variants {
            let (_, value) = variant.discriminant.as_ref().expect("numbers in the ABI are written");
            let value = literal(value).unwrap();
            self.define(
                &variant.attrs,
                &numbers.ident.to_string(),
                &variant.ident.to_string(),
                &value,
            );
        }
    }

    fn table(&mut self, table: &ItemStruct) {
        let Fields::Named(fields) = &table.fields else { panic!("tables have named fields") };
        self.text += "\n";
        self.comment(&table.attrs, "");
        writeln!(self.text, "struct {} {{", c::type_name(&table.ident.to_string())).unwrap();
        for field in &fields.named {
            self.comment(&field.attrs, "    ");
            let name = field.ident.as_ref().unwrap().to_string();
            self.text += &c::statement(&c::declare(&field.ty, &name), "    ");
        }
        self.text += "};\n";
    }

    fn alias(&mut self, alias: &ItemType) {
        self.text += "\n";
        self.comment(&alias.attrs, "");
        let declaration = if let Some(function) = c::function(&alias.ty) {
            c::signature(function, ENTRY_SYMBOL.to_str().unwrap())
        } else {
            let name = c::type_name(&alias.ident.to_string());
            format!("typedef {}", c::declare(&alias.ty, &name))
        };
        self.text += &c::statement(&declaration, "");
    }

    fn assertions(&mut self, tables: &[Table]) {
        self.text += "\n/* The layout, as the host has it. */\n#if UINTPTR_MAX > 0xffffffff\n";
        for table in tables {
            let name = c::type_name(table.name);
            let size = table.size;
            writeln!(self.text, "static_assert(sizeof({name}) == {size}, \"{name}\");").unwrap();
            for field in &table.fields {
                let (field, offset) = (field.name, field.offset);
                let at = format!("offsetof({name}, {field}) == {offset}, \"{name}.{field}\"");
                self.text += &c::statement(&format!("static_assert({at})"), "");
            }
        }
        self.text += "#endif\n";
    }
}

fn value(constant: &ItemConst) -> String {
    match literal(&constant.expr) {
        Some(value) => value,
        None if constant.ident == "MAGIC" => format!("UINT64_C({MAGIC:#018x})"),
        None => panic!("the header's generator does not know what {} is", constant.ident),
    }
}

fn literal(value: &Expr) -> Option<String> {
    match value {
        Expr::Unary(negative) => Some(format!("(-{})", literal(&negative.expr)?)),
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => Some(number.base10_digits().to_owned()),
            Lit::Byte(letter) => Some(format!("{:?}", char::from(letter.value()))),
            Lit::Str(text) => Some(format!("{:?}", text.value())),
            Lit::CStr(text) => Some(format!("{:?}", text.value())),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn the_header_is_up_to_date() {
    let header = Header::generate().text;
    if renews() {
        fs::write(CHECKED_IN, &header).unwrap();
    }
    let checked_in = fs::read_to_string(CHECKED_IN).unwrap_or_default();
    assert!(header == checked_in, "zerepy_plugin.h is not what the tables say; run {RENEW}");
}
