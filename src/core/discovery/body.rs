//! The body of a plugin class: its name and version, and whether all of its methods are there.

use std::collections::HashSet;

use super::glance::assignments;
use super::lines::{Line, Token};
use crate::Category;

/// What a plugin class must define besides `name` and `version`.
const CONNECTION: [&str; 5] =
    ["initialize", "cleanup", "is_configured", "configure", "perform_action"];
const ACTION: [&str; 4] = ["initialize", "cleanup", "validate_params", "execute"];
/// Names that would change what a class is, or what stands in it means.
const SPECIAL: [&str; 3] = ["property", "super", "classmethod"];
/// `-> str`.
const STR: [Token<'_>; 3] = [Token::Op(b'-'), Token::Op(b'>'), Token::Name("str")];
/// Methods that have a say in what the class becomes.
const OF_CREATION: [&str; 4] = ["__new__", "__class_getitem__", "__module__", "__slots__"];

/// Name and version that the class in `block` has; `None` if that cannot be told, or if it lacks a
/// method.
pub(super) fn read(block: &[Line<'_>], category: Category) -> Option<(String, String)> {
    let mut body = Body::default();
    let indent = block.first()?.indent;
    let (mut rest, mut decorators) = (block, Vec::new());
    while let Some((line, after)) = rest.split_first() {
        if line.indent != indent {
            return None;
        }
        let is_below =
            |line: &&Line<'_>| line.indent.len() > indent.len() && line.indent.starts_with(indent);
        let (below, next) = after.split_at(after.iter().take_while(is_below).count());
        if let [Token::Op(b'@'), decorator @ ..] = line.tokens.as_slice() {
            if binds_inside(decorator) {
                return None;
            }
            decorators.push(decorator);
        } else {
            body.statement(&line.tokens, below, &decorators)?;
            decorators.clear();
        }
        rest = next;
    }
    let needed: &[&str] = match category {
        Category::Connection => &CONNECTION,
        Category::Action => &ACTION,
    };
    let is_whole = needed.iter().all(|method| body.methods.contains(method));
    is_whole.then_some((body.name?.to_owned(), body.version?.to_owned()))
}

#[derive(Default)]
struct Body<'a> {
    name: Option<&'a str>,
    version: Option<&'a str>,
    methods: HashSet<&'a str>,
    bound: HashSet<&'a str>,
}

impl<'a> Body<'a> {
    fn statement(
        &mut self,
        tokens: &[Token<'a>],
        below: &[Line<'a>],
        decorators: &[&[Token<'a>]],
    ) -> Option<()> {
        if tokens.contains(&Token::Op(b';')) {
            return None;
        }
        match tokens {
            [Token::Name("async"), Token::Name("def"), Token::Name(name), rest @ ..] => {
                self.method(name, rest, below, decorators, true)
            }
            [Token::Name("def"), Token::Name(name), rest @ ..] => {
                self.method(name, rest, below, decorators, false)
            }
            _ if !decorators.is_empty() || !below.is_empty() => None,
            [Token::Name("pass") | Token::Text(_) | Token::Quoted] => Some(()),
            [Token::Name(name), Token::Op(b'=' | b':'), ..] => self.attribute(name, tokens),
            _ => None,
        }
    }

    fn method(
        &mut self,
        name: &'a str,
        head: &[Token<'a>],
        below: &[Line<'a>],
        decorators: &[&[Token<'a>]],
        is_async: bool,
    ) -> Option<()> {
        self.bind(name)?;
        if binds_inside(head) || OF_CREATION.contains(&name) {
            return None;
        }
        if name == "name" || name == "version" {
            if is_async || decorators != [[Token::Name("property")]] {
                return None;
            }
            return self.set(name, returned(head, below)?);
        }
        if decorators.is_empty() {
            self.methods.insert(name);
        }
        Some(())
    }

    fn attribute(&mut self, name: &'a str, tokens: &[Token<'a>]) -> Option<()> {
        let is_keyword = ["try", "else", "finally", "lambda", "match", "type"].contains(&name);
        if is_keyword || assignments(tokens) > 1 || binds_inside(tokens) {
            return None;
        }
        self.bind(name)?;
        if name.starts_with("__") {
            return None;
        }
        if name != "name" && name != "version" {
            return Some(());
        }
        match tokens {
            [Token::Name(_), .., Token::Op(b'='), Token::Text(value)]
                if assignments(tokens) == 1
                    && tokens.iter().filter(|token| **token == Token::Op(b'=')).count() == 1 =>
            {
                self.set(name, value)
            }
            _ => None,
        }
    }

    /// A name that is bound twice, or that is special, is not judged.
    fn bind(&mut self, name: &'a str) -> Option<()> {
        (!SPECIAL.contains(&name) && self.bound.insert(name)).then_some(())
    }

    fn set(&mut self, name: &str, value: &'a str) -> Option<()> {
        let place = if name == "name" { &mut self.name } else { &mut self.version };
        place.replace(value).is_none().then_some(())
    }
}

/// The text that a property returns, if it does nothing else.
fn returned<'a>(head: &[Token<'a>], below: &[Line<'a>]) -> Option<&'a str> {
    let [Token::Op(b'('), Token::Name("self"), Token::Op(b')'), rest @ ..] = head else {
        return None;
    };
    let (Token::Op(b':'), after) = rest.strip_prefix(&STR).unwrap_or(rest).split_first()? else {
        return None;
    };
    let value = match (after, below) {
        ([], [line]) => line.tokens.as_slice(),
        ([], [doc, line]) if matches!(doc.tokens[..], [Token::Text(_)]) => line.tokens.as_slice(),
        (after, []) => after,
        _ => return None,
    };
    match value {
        [Token::Name("return"), Token::Text(text)] => Some(text),
        _ => None,
    }
}

/// Whether an expression binds names, or may.
pub(super) fn binds_inside(tokens: &[Token<'_>]) -> bool {
    tokens.contains(&Token::Formatted)
        || tokens.windows(2).any(|two| two == [Token::Op(b':'), Token::Op(b'=')])
}
