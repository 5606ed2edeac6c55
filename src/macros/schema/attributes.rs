//! The `serde` and `schema` attributes that matter for a schema.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, LitStr, Result, Token};

use super::case::Case;

/// The attributes of a struct or an enum.
#[derive(Default)]
pub(super) struct ContainerAttributes {
    pub(super) case: Case,
    pub(super) default: bool,
    pub(super) deny_unknown_fields: bool,
}

/// The attributes of a field or a variant.
#[derive(Default)]
pub(super) struct FieldAttributes {
    pub(super) rename: Option<String>,
    pub(super) default: bool,
    pub(super) skip: bool,
    pub(super) secret: bool,
}

impl ContainerAttributes {
    pub(super) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| found.read_serde(&meta))?;
        }
        Ok(found)
    }

    fn read_serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("rename_all") {
            let rule: LitStr = meta.value()?.parse()?;
            self.case = Case::of_rule(&rule)?;
            return Ok(());
        }
        self.default |= meta.path.is_ident("default");
        self.deny_unknown_fields |= meta.path.is_ident("deny_unknown_fields");
        refuse(meta, &["transparent", "tag", "content", "untagged", "from", "try_from", "into"])?;
        pass_over(meta)
    }
}

impl FieldAttributes {
    pub(super) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| found.read_serde(&meta))?;
            } else if attribute.path().is_ident("schema") {
                attribute.parse_nested_meta(|meta| found.read_schema(&meta))?;
            }
        }
        Ok(found)
    }

    fn read_serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("rename") {
            let name: LitStr = meta.value()?.parse()?;
            self.rename = Some(name.value());
            return Ok(());
        }
        self.default |= meta.path.is_ident("default");
        self.skip |= meta.path.is_ident("skip") || meta.path.is_ident("skip_deserializing");
        refuse(meta, &["flatten"])?;
        pass_over(meta)
    }

    fn read_schema(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if !meta.path.is_ident("secret") {
            return Err(meta.error("unknown; `#[schema(…)]` takes `secret`"));
        }
        self.secret = true;
        Ok(())
    }
}

fn refuse(meta: &ParseNestedMeta<'_>, names: &[&str]) -> Result<()> {
    match names.iter().find(|name| meta.path.is_ident(name)) {
        Some(name) => Err(meta.error(format!(
            "derive(Schema) cannot see through `{name}`; name the fields, or implement `Schema` \
             by hand"
        ))),
        None => Ok(()),
    }
}

/// Reads past the value of an attribute that does not matter here.
fn pass_over(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        meta.parse_nested_meta(|inner| pass_over(&inner))?;
    }
    Ok(())
}
