//! Rust's names, types and documentation, said in C.

use syn::{
    Attribute, Expr, GenericArgument, Lit, Meta, PathArguments, PointerMutability, ReturnType,
    Type, TypeFnPtr,
};
use zerepy_plugin_abi::ENTRY_SYMBOL;

const WIDTH: usize = 100;

/// The name of a type.
pub(crate) fn type_name(rust: &str) -> String {
    let plain = match rust {
        "c_void" => "void",
        "usize" => "size_t",
        "f64" => "double",
        "i8" => "int8_t",
        "i16" => "int16_t",
        "i32" => "int32_t",
        "i64" => "int64_t",
        "u8" => "uint8_t",
        "u16" => "uint16_t",
        "u32" => "uint32_t",
        "u64" => "uint64_t",
        _ => return own_name(rust),
    };
    plain.to_owned()
}

fn own_name(rust: &str) -> String {
    if rust == "FfiEntry" {
        return ENTRY_SYMBOL.to_str().unwrap().to_owned();
    }
    let mut name = "zerepy".to_owned();
    for letter in rust.strip_prefix("Ffi").unwrap_or(rust).chars() {
        if letter.is_uppercase() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// The name of a constant, in `module` unless that is empty.
pub(crate) fn constant_name(module: &str, name: &str) -> String {
    let module = if module.is_empty() { String::new() } else { format!("{module}_") };
    format!("ZEREPY_{module}{name}").to_uppercase()
}

/// The function that `ty` points to, if it does.
pub(crate) fn function(ty: &Type) -> Option<&TypeFnPtr> {
    match ty {
        Type::FnPtr(function) => Some(function),
        Type::Path(path) => match &path.path.segments.last()?.arguments {
            PathArguments::AngleBracketed(of) => match of.args.first()? {
                GenericArgument::Type(inner) => function(inner),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Declares `name` as a `ty`.
pub(crate) fn declare(ty: &Type, name: &str) -> String {
    match function(ty) {
        Some(function) => signature(function, &format!("(*{name})")),
        None => beside(&written(ty), name),
    }
}

/// Declares the function `name`.
pub(crate) fn signature(function: &TypeFnPtr, name: &str) -> String {
    let parameters: Vec<_> = function
        .inputs
        .iter()
        .map(|input| {
            let (name, _) = input.name.as_ref().expect("parameters in the ABI have names");
            declare(&input.ty, &name.to_string())
        })
        .collect();
    let result = match &function.output {
        ReturnType::Default => "void".to_owned(),
        ReturnType::Type(_, ty) => written(ty),
    };
    format!("{}({})", beside(&result, name), parameters.join(", "))
}

fn beside(ty: &str, name: &str) -> String {
    let space = if ty.ends_with('*') { "" } else { " " };
    format!("{ty}{space}{name}")
}

fn written(ty: &Type) -> String {
    match ty {
        Type::Path(path) => type_name(&path.path.segments.last().unwrap().ident.to_string()),
        Type::Ptr(pointer) => {
            let to = written(&pointer.elem);
            let is_const = matches!(pointer.mutability, PointerMutability::Const(_));
            match (is_const, to.ends_with('*')) {
                (true, true) => format!("{to}const *"),
                (true, false) => format!("const {to} *"),
                (false, true) => format!("{to}*"),
                (false, false) => format!("{to} *"),
            }
        }
        _ => panic!("a type that the header's generator does not know"),
    }
}

/// The documentation in `attributes`, in C's terms: one text for each paragraph.
pub(crate) fn paragraphs(attributes: &[Attribute]) -> Vec<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let text = lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        return Vec::new();
    }
    text.split("\n\n").map(|paragraph| in_terms_of_c(&paragraph.replace('\n', " "))).collect()
}

/// Renames what stands between backticks; links lose their brackets.
fn in_terms_of_c(text: &str) -> String {
    let text = text.replace("[`", "`").replace("`]", "`");
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { part.to_owned() } else { name_of(part) }).collect()
}

fn name_of(code: &str) -> String {
    let code = code.trim_start_matches("crate::").trim_start_matches("super::");
    let is_constant =
        |name: &str| name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    match code.split_once("::") {
        Some(("i64", "MAX")) => "INT64_MAX".to_owned(),
        Some((module, name)) if is_constant(name) => constant_name(module, name),
        Some((table, field)) => format!("{}.{field}", type_name(table)),
        None if ["status", "code", "tag", "element", "Level", "metric"].contains(&code) => {
            constant_name(code, "*")
        }
        None if code == "NULL" => code.to_owned(),
        None if is_constant(code) => constant_name("", code),
        None if code.starts_with("Ffi") || ["Node", "Status"].contains(&code) => own_name(code),
        None if type_name(code) != own_name(code) => type_name(code),
        None => format!("`{code}`"),
    }
}

/// A comment with these paragraphs, each line indented by `indent`.
pub(crate) fn comment(paragraphs: &[String], indent: &str) -> String {
    if paragraphs.is_empty() {
        return String::new();
    }
    let mut lines = Vec::new();
    for paragraph in paragraphs {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        // Room for the marks around the text.
        lines.extend(wrapped(paragraph.split(' '), WIDTH - indent.len() - 6));
    }
    let text = lines.join(&format!("\n{indent} * ")).replace("* \n", "*\n");
    format!("{indent}/* {text} */\n")
}

/// A declaration, on more than one line if it is long.
pub(crate) fn statement(declaration: &str, indent: &str) -> String {
    let declaration = format!("{declaration};");
    let pieces = declaration.split_inclusive(',').map(str::trim);
    let lines = wrapped(pieces, WIDTH - indent.len() - 4);
    format!("{indent}{}\n", lines.join(&format!("\n{indent}    ")))
}

fn wrapped<'a>(pieces: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + piece.len() <= width => {
                line.push(' ');
                line.push_str(piece);
            }
            _ => lines.push(piece.to_owned()),
        }
    }
    lines
}
