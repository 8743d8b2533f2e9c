//! [`Field`]: what a field of the state is, put together from its attributes and its type.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type};

use crate::attributes::{Reducer, StateAttributes, StateDefault};
use crate::case;
use crate::serde::{SerdeAttributes, SerdeDefault};

/// A field of the state and its channel.
pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) ty: &'a Type,
    pub(crate) channel: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) reducer: Reducer,
    /// What it is where the channel has no value.
    pub(crate) default: Option<TokenStream>,
}

impl<'a> Field<'a> {
    pub(crate) fn new(field: &'a syn::Field, of_struct: &SerdeAttributes) -> syn::Result<Self> {
        let Some(ident) = &field.ident else {
            return Err(syn::Error::new_spanned(field, "a channel needs a name"));
        };
        let serde = SerdeAttributes::of(&field.attrs)?;
        let state = StateAttributes::of(&field.attrs)?;
        let (reducer, name) = match state.reducer {
            Some((reducer, name)) => (reducer, name),
            None => (Reducer::Last, String::new()),
        };
        let untracked = matches!(reducer, Reducer::Untracked);
        if let Some(error) = serde.refused {
            return Err(error);
        }
        if let (Some(error), false) = (serde.skipped, untracked) {
            return Err(error);
        }
        let ty = &field.ty;
        let default = match (state.default, serde.default, &of_struct.default) {
            (Some(StateDefault::Value(value)), _, _)
            | (_, Some(SerdeDefault::Function(value)), _) => Some(value),
            (Some(StateDefault::Trait), _, _) | (_, Some(SerdeDefault::Trait), _) => {
                Some(quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default()))
            }
            (None, None, Some(SerdeDefault::Trait)) => {
                Some(quote!(<Self as ::core::default::Default>::default().#ident))
            }
            (None, None, Some(SerdeDefault::Function(value))) => {
                Some(quote!({ let default: Self = #value; default.#ident }))
            }
            (None, None, None) => None,
        };
        let empties = matches!(reducer, Reducer::Any | Reducer::Ephemeral);
        if empties && default.is_none() && option_of(ty).is_none() {
            return Err(syn::Error::new_spanned(
                ty,
                format!(
                    "a field with `{name}` is empty after a super-step without a write; \
                     make it an `Option`, or give it a `default`"
                ),
            ));
        }
        if matches!(
            reducer,
            Reducer::Append | Reducer::Messages | Reducer::Topic { .. }
        ) && is_single(ty)
        {
            return Err(syn::Error::new_spanned(
                ty,
                format!(
                    "`{name}` is for lists such as `Vec`; for numbers there is `add`, for strings `concat`;\
                     without any the last value counts"
                ),
            ));
        }
        Ok(Self {
            ident,
            ty,
            channel: channel_name(ident, serde.rename, of_struct)?,
            aliases: serde.aliases,
            reducer,
            default,
        })
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(
            self.reducer,
            Reducer::Append | Reducer::Messages | Reducer::Topic { .. }
        )
    }

    /// Whether writes go through a reducer that an overwrite can pass by.
    pub(crate) fn is_reduced(&self) -> bool {
        !matches!(
            self.reducer,
            Reducer::Last
                | Reducer::Any
                | Reducer::Ephemeral
                | Reducer::Untracked
                | Reducer::Topic { .. }
        )
    }

    /// Whether the reducer starts from the default of the field's type.
    pub(crate) fn has_start(&self) -> bool {
        self.is_list()
            || matches!(
                self.reducer,
                Reducer::Add | Reducer::Concat | Reducer::Merge
            )
    }

    /// What a single write is of: of an option what is in it.
    pub(crate) fn written_type(&self) -> &Type {
        option_of(self.ty).unwrap_or(self.ty)
    }

    /// Whether null can be written to empty the field.
    pub(crate) fn can_be_cleared(&self) -> bool {
        option_of(self.ty).is_some() && !self.is_reduced() && !self.is_list()
    }
}

fn channel_name(
    ident: &Ident,
    rename: Option<String>,
    of_struct: &SerdeAttributes,
) -> syn::Result<String> {
    let own = ident.unraw().to_string();
    match (rename, &of_struct.rename_all) {
        (Some(name), _) => Ok(name),
        (None, None) => Ok(own),
        (None, Some(case)) => case::rename(&own, &case.value())
            .ok_or_else(|| syn::Error::new(case.span(), "serde knows no such case")),
    }
}

/// The `T` of an `Option<T>`.
pub(crate) fn option_of(ty: &Type) -> Option<&Type> {
    argument_of(ty)
        .filter(|(of, _)| *of == "Option")
        .map(|(_, inner)| inner)
}

/// The name of a generic type and its first argument.
pub(crate) fn argument_of(ty: &Type) -> Option<(&Ident, &Type)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some((&last.ident, inner)),
        _ => None,
    }
}

/// Whether the type is no list for certain. For others the compiler knows, but says it at more length.
fn is_single(ty: &Type) -> bool {
    is_primitive(ty)
        || option_of(ty).is_some()
        || matches!(ty, Type::Path(path) if path.path.is_ident("String"))
}

/// Whether a literal of the type would not be converted to it: those of numbers take the type that is
/// asked for only if it is asked for by name.
pub(crate) fn is_primitive(ty: &Type) -> bool {
    const PRIMITIVES: [&str; 16] = [
        "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "f32", "f64", "bool", "char",
    ];
    matches!(ty, Type::Path(path) if PRIMITIVES.iter().any(|p| path.path.is_ident(p)))
}
