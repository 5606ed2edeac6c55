//! The options of `#[plugin(…)]`.

use proc_macro2::{Span, TokenStream};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, LitStr, Result, Token, bracketed};

/// What a plugin is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Connection,
    Action,
}

/// What stands between the parentheses.
pub(super) struct Options {
    pub(super) category: Category,
    pub(super) name: LitStr,
    pub(super) version: Option<LitStr>,
    pub(super) requires: Vec<LitStr>,
}

#[derive(Default)]
struct Found {
    category: Option<Category>,
    name: Option<LitStr>,
    version: Option<LitStr>,
    requires: Vec<LitStr>,
}

impl Options {
    pub(super) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut found = Found::default();
        syn::meta::parser(|meta| found.read(&meta)).parse2(tokens)?;
        let missing = |message| Error::new(Span::call_site(), message);
        let category = found.category.ok_or_else(|| {
            missing("say what it is for: `#[plugin(connection, …)]` or `#[plugin(action, …)]`")
        })?;
        let name = found.name.ok_or_else(|| missing("a plugin needs a name: `name = \"…\"`"))?;
        check_name(&name)?;
        Ok(Self { category, name, version: found.version, requires: found.requires })
    }
}

impl Found {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("connection") {
            self.category = Some(Category::Connection);
        } else if meta.path.is_ident("action") {
            self.category = Some(Category::Action);
        } else if meta.path.is_ident("name") {
            self.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("version") {
            self.version = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("requires") {
            let value = meta.value()?;
            let list;
            bracketed!(list in value);
            let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
            self.requires = names.into_iter().collect();
        } else {
            return Err(meta.error(
                "unknown option; there are `connection`, `action`, `name`, `version` and \
                 `requires`",
            ));
        }
        Ok(())
    }
}

fn check_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if text.is_empty() || !text.chars().all(is_part) {
        let message = "a plugin's name consists of letters, digits, `_` and `-`";
        return Err(Error::new(name.span(), message));
    }
    Ok(())
}
