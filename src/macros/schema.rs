//! `derive(Schema)`: writes the constant tree that describes a type.

mod attributes;
mod case;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Data, DataEnum, DeriveInput, Error, Field, Fields, FieldsNamed, Result, Type, parse_quote,
};

use crate::docs::description;
use attributes::{ContainerAttributes, FieldAttributes};

/// Derives `Schema` for `item`.
pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let mut input: DeriveInput = syn::parse2(item)?;
    let container = ContainerAttributes::read(&input.attrs)?;
    let description = description(&input.attrs);
    let shape = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => structure(&description, fields, &container)?,
            other => return Err(Error::new(other.span(), "derive(Schema) needs named fields")),
        },
        Data::Enum(data) => choice(&description, data, &container)?,
        Data::Union(data) => {
            return Err(Error::new(data.union_token.span, "a union has no schema"));
        }
    };
    for parameter in input.generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::zerepy_plugin::Schema));
    }
    let name = &input.ident;
    let (parameters, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::zerepy_plugin::Schema for #name #arguments #bounds {
            const SCHEMA: &'static ::zerepy_plugin::Shape = #shape;
        }
    })
}

fn structure(
    description: &str,
    fields: &FieldsNamed,
    container: &ContainerAttributes,
) -> Result<TokenStream> {
    let mut written = Vec::new();
    for field in &fields.named {
        written.extend(structure_field(field, container)?);
    }
    let open = !container.deny_unknown_fields;
    Ok(quote! {
        &::zerepy_plugin::Shape::Struct {
            description: #description,
            fields: &[#(#written),*],
            open: #open,
        }
    })
}

fn structure_field(field: &Field, container: &ContainerAttributes) -> Result<Option<TokenStream>> {
    let attributes = FieldAttributes::read(&field.attrs)?;
    if attributes.skip {
        return Ok(None);
    }
    let rust_name = field.ident.to_token_stream().to_string();
    let rust_name = rust_name.trim_start_matches("r#");
    let name = attributes.rename.unwrap_or_else(|| container.case.of_field(rust_name));
    let description = description(&field.attrs);
    let required = !(attributes.default || container.default || is_option(&field.ty));
    let secret = attributes.secret;
    let ty = &field.ty;
    let shape = quote_spanned!(ty.span()=> <#ty as ::zerepy_plugin::Schema>::SCHEMA);
    Ok(Some(quote! {
        ::zerepy_plugin::Field {
            name: #name,
            description: #description,
            shape: #shape,
            required: #required,
            secret: #secret,
        }
    }))
}

fn choice(
    description: &str,
    data: &DataEnum,
    container: &ContainerAttributes,
) -> Result<TokenStream> {
    let mut names = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let message = "derive(Schema) takes enums whose variants are names only; \
                           implement `Schema` by hand for this one";
            return Err(Error::new(variant.span(), message));
        }
        let attributes = FieldAttributes::read(&variant.attrs)?;
        if !attributes.skip {
            let rust_name = variant.ident.to_string();
            names.push(attributes.rename.unwrap_or_else(|| container.case.of_variant(&rust_name)));
        }
    }
    Ok(quote! {
        &::zerepy_plugin::Shape::Choice { description: #description, names: &[#(#names),*] }
    })
}

fn is_option(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Option")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(item: TokenStream) -> String {
        expand(item).unwrap_err().to_string()
    }

    #[test]
    fn what_changes_the_shape_is_refused() {
        let flattened = quote!(
            struct A {
                #[serde(flatten)]
                rest: B,
            }
        );
        assert_eq!(
            message(flattened),
            "derive(Schema) cannot see through `flatten`; name the fields, or implement `Schema` \
             by hand"
        );
        assert!(
            message(quote!(
                #[serde(untagged)]
                enum A {
                    B,
                }
            ))
            .contains("`untagged`")
        );
        assert!(
            message(quote!(
                struct A(u8);
            ))
            .contains("named fields")
        );
        assert!(
            message(quote!(
                enum A {
                    B(u8),
                }
            ))
            .contains("names only")
        );
        assert!(
            message(quote!(
                #[serde(rename_all = "loud")]
                struct A {}
            ))
            .contains("\"loud\"")
        );
    }

    #[test]
    fn unknown_schema_attributes_are_refused() {
        let misspelt = quote!(
            struct A {
                #[schema(secrets)]
                key: String,
            }
        );
        assert_eq!(message(misspelt), "unknown; `#[schema(…)]` takes `secret`");
    }
}
