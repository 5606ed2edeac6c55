//! Doc comments as descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of the doc comments: lines of a paragraph are joined, paragraphs stay apart.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    let mut paragraph_ended = false;
    for line in attributes.iter().filter_map(doc).flat_map(|doc| lines(&doc)) {
        if line.is_empty() {
            paragraph_ended = true;
            continue;
        }
        if !text.is_empty() {
            text.push_str(if paragraph_ended { "\n\n" } else { " " });
        }
        text.push_str(&line);
        paragraph_ended = false;
    }
    text
}

fn lines(doc: &str) -> Vec<String> {
    // Not `str::lines`: an empty doc line has to stay one, as it ends a paragraph.
    doc.split('\n').map(|line| line.trim().to_owned()).collect()
}

fn doc(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if meta.path.is_ident("doc") => {
            Some(text.value())
        }
        _ => None,
    }
}
