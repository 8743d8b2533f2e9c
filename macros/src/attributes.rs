//! What `#[state(...)]` says, on a field and on the struct.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, Path, Token};

const REDUCERS: &str = "`append`, `messages`, `add`, `concat`, `merge`, `max`, `min`, `any`, `ephemeral`, `topic`, \
                        `untracked`, `custom = path::to_function`; without any the last value written counts";

/// How several writes to a field become its value.
pub(crate) enum Reducer {
    Last,
    Append,
    Messages,
    Add,
    Concat,
    Merge,
    Max,
    Min,
    Any,
    Ephemeral,
    Topic { accumulate: bool },
    Custom(Path),
    Untracked,
}

/// The attributes of a field.
#[derive(Default)]
pub(crate) struct StateAttributes {
    pub(crate) reducer: Option<(Reducer, String)>,
    pub(crate) default: Option<StateDefault>,
}

pub(crate) enum StateDefault {
    Trait,
    Value(TokenStream),
}

impl StateAttributes {
    pub(crate) fn of(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("state")) {
            attribute.parse_nested_meta(|meta| read.note(&meta))?;
        }
        Ok(read)
    }

    fn note(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let name = meta.path.to_token_stream().to_string();
        let reducer = match name.as_str() {
            "default" => return self.note_default(meta),
            "append" => Reducer::Append,
            "messages" => Reducer::Messages,
            "add" => Reducer::Add,
            "concat" => Reducer::Concat,
            "merge" => Reducer::Merge,
            "max" => Reducer::Max,
            "min" => Reducer::Min,
            "any" => Reducer::Any,
            "ephemeral" => Reducer::Ephemeral,
            "untracked" => Reducer::Untracked,
            "topic" => Reducer::Topic {
                accumulate: accumulates(meta)?,
            },
            "custom" if meta.input.peek(Token![=]) => Reducer::Custom(meta.value()?.parse()?),
            "custom" => {
                return Err(meta.error(
                    "name the function: `custom = path::to_function`, \
                     a `fn(T, T) -> T` of the field's value and the write",
                ));
            }
            unknown => {
                return Err(meta.error(format!(
                    "there is no reducer `{unknown}`; there are {REDUCERS}"
                )));
            }
        };
        if let Some((_, first)) = &self.reducer {
            return Err(meta.error(format!(
                "the field has two reducers, `{first}` and `{name}`; keep one"
            )));
        }
        self.reducer = Some((reducer, name));
        Ok(())
    }

    fn note_default(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if self.default.is_some() {
            return Err(meta.error("the field has two defaults; keep one"));
        }
        self.default = Some(if meta.input.peek(Token![=]) {
            let value: Expr = meta.value()?.parse()?;
            StateDefault::Value(value.into_token_stream())
        } else {
            StateDefault::Trait
        });
        Ok(())
    }
}

fn accumulates(meta: &ParseNestedMeta<'_>) -> syn::Result<bool> {
    let mut accumulate = false;
    if meta.input.peek(syn::token::Paren) {
        meta.parse_nested_meta(|inner| {
            if inner.path.is_ident("accumulate") {
                accumulate = true;
                return Ok(());
            }
            Err(inner.error("it is `topic` or `topic(accumulate)`"))
        })?;
    }
    Ok(accumulate)
}

/// The name that the struct wants for its update type.
pub(crate) fn update_name(attributes: &[Attribute]) -> syn::Result<Option<Ident>> {
    let mut name = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("state")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("update") {
                name = Some(meta.value()?.parse()?);
                return Ok(());
            }
            Err(meta.error(
                "on the struct there is `#[state(update = Name)]`, the name of its update type; \
                 reducers are for its fields",
            ))
        })?;
    }
    Ok(name)
}
