//! What serde's attributes say that concerns channels: names, defaults, and what cannot be a channel.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprPath, LitStr, Token};

/// The serde attributes of a field, or of the struct.
#[derive(Default)]
pub(crate) struct SerdeAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<LitStr>,
    pub(crate) aliases: Vec<String>,
    pub(crate) default: Option<SerdeDefault>,
    /// An attribute that makes no sense on a channel, and what to do instead.
    pub(crate) refused: Option<syn::Error>,
    /// It is skipped by serde.
    pub(crate) skipped: Option<syn::Error>,
}

pub(crate) enum SerdeDefault {
    Trait,
    Function(TokenStream),
}

impl SerdeAttributes {
    pub(crate) fn of(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| read.note(&meta))?;
        }
        Ok(read)
    }

    fn note(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let Some(name) = meta.path.get_ident().map(ToString::to_string) else {
            return skip(meta);
        };
        match name.as_str() {
            "rename" if meta.input.peek(Token![=]) => {
                self.rename = Some(meta.value()?.parse::<LitStr>()?.value());
            }
            "rename_all" if meta.input.peek(Token![=]) => {
                self.rename_all = Some(meta.value()?.parse()?);
            }
            "rename" | "rename_all" => {
                self.refused = Some(meta.error(
                    "a channel has one name for reading and writing; \
                     use `rename = \"name\"`, and `alias = \"former name\"` to read others",
                ));
                return skip(meta);
            }
            "alias" => self.aliases.push(meta.value()?.parse::<LitStr>()?.value()),
            "default" if meta.input.peek(Token![=]) => {
                let function: ExprPath = meta.value()?.parse::<LitStr>()?.parse()?;
                self.default = Some(SerdeDefault::Function(quote!(#function())));
            }
            "default" => self.default = Some(SerdeDefault::Trait),
            "flatten" => {
                self.refused = Some(meta.error(
                    "a field is one channel and cannot be flattened; \
                     move its fields into this struct, or leave `flatten` away",
                ));
            }
            "with" | "serialize_with" | "deserialize_with" => {
                self.refused = Some(meta.error(format!(
                    "`{name}` is not applied to channels; \
                     give the field a type that implements `Serialize` and `Deserialize` so"
                )));
                return skip(meta);
            }
            "skip" | "skip_serializing" | "skip_deserializing" => {
                self.skipped = Some(meta.error(
                    "a channel that serde skips would be lost; \
                     mark the field `#[state(untracked)]` to keep it for the run only",
                ));
            }
            _ => return skip(meta),
        }
        Ok(())
    }
}

/// Passes over the rest of an attribute that is no concern of ours.
fn skip(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        meta.parse_nested_meta(|inner| skip(&inner))?;
    }
    Ok(())
}
