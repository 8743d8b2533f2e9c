//! The code that the derive generates for the struct itself: its channels, and how it is read from them.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields};

use crate::attributes::{self, Reducer};
use crate::field::{Field, option_of};
use crate::serde::SerdeAttributes;
use crate::update::update_type;

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = fields_of(input)?;
    let name = &input.ident;
    let update = attributes::update_name(&input.attrs)?
        .unwrap_or_else(|| format_ident!("{}Update", name.unraw()));
    let channels = fields.iter().map(channel);
    let reads = fields.iter().map(|field| read(field, name));
    let update_type = update_type(&input.vis, name, &update, &fields);
    Ok(quote! {
        #[automatically_derived]
        impl ::stepwell::graph::GraphState for #name {
            type Update = #update;

            fn channels() -> ::std::vec::Vec<(::std::string::String, ::stepwell::graph::Channel)> {
                ::std::vec![#(#channels),*]
            }

            fn read(
                state: &::stepwell::graph::typed::support::State,
            ) -> ::core::result::Result<Self, ::stepwell::graph::GraphError> {
                ::core::result::Result::Ok(Self { #(#reads),* })
            }
        }

        #update_type
    })
}

fn fields_of(input: &DeriveInput) -> syn::Result<Vec<Field<'_>>> {
    const WANTED: &str =
        "a graph's state is a struct with named fields: each field is a channel of its name";
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            _ => return Err(syn::Error::new_spanned(&input.ident, WANTED)),
        },
        _ => return Err(syn::Error::new_spanned(&input.ident, WANTED)),
    };
    if !input.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &input.generics,
            "a graph's state cannot be generic: checkpoints have to know what they keep; \
             write the struct for the types that you need",
        ));
    }
    let of_struct = SerdeAttributes::of(&input.attrs)?;
    let mut errors: Option<syn::Error> = None;
    let mut note = |error| match &mut errors {
        Some(errors) => errors.combine(error),
        none => *none = Some(error),
    };
    let mut known = Vec::new();
    for field in fields {
        match Field::new(field, &of_struct) {
            Ok(field) if field.ident == "new" => note(syn::Error::new_spanned(
                field.ident,
                "`new` makes an empty update; name the field otherwise, with `#[serde(rename = \"new\")]` if its \
                 channel is to keep the name",
            )),
            Ok(field) => known.push(field),
            Err(error) => note(error),
        }
    }
    errors.map_or(Ok(known), Err)
}

/// The channel of a field, with its name.
fn channel(field: &Field<'_>) -> TokenStream {
    let Field {
        ty,
        channel,
        aliases,
        ..
    } = field;
    let written = field.written_type();
    let span = ty.span();
    let support = quote_spanned!(span=> ::stepwell::graph::typed::support);
    let of = quote_spanned!(span=> #support::Channel);
    let made = match &field.reducer {
        Reducer::Last => quote_spanned!(span=> #support::saved::<#ty>(#of::last())),
        Reducer::Any => quote_spanned!(span=> #support::saved::<#ty>(#of::any())),
        Reducer::Ephemeral => quote_spanned!(span=> #support::saved::<#ty>(#of::ephemeral())),
        Reducer::Untracked => {
            quote_spanned!(span=> #support::untracked::<#written>(#of::untracked()))
        }
        Reducer::Append => quote_spanned!(span=> #support::list::<#ty>(#of::append())),
        Reducer::Messages => quote_spanned!(span=> #support::list::<#ty>(#of::messages())),
        Reducer::Topic { accumulate } => {
            quote_spanned!(span=> #support::list::<#ty>(#of::topic(#accumulate)))
        }
        Reducer::Add => quote_spanned!(span=> #support::added::<#ty>(#of::add())),
        Reducer::Concat => quote_spanned!(span=> #support::joined::<#ty>(#of::concat())),
        Reducer::Merge => quote_spanned!(span=> #support::merged::<#ty>(#of::merge())),
        Reducer::Max => quote_spanned!(span=> #support::ordered::<#written>(#of::max())),
        Reducer::Min => quote_spanned!(span=> #support::ordered::<#written>(#of::min())),
        Reducer::Custom(function) => quote_spanned!(span=> #support::custom::<#written>(#function)),
    };
    let started = match &field.default {
        Some(value) if field.is_reduced() => {
            quote!(::stepwell::graph::typed::support::starting_from::<#ty>(#made, #value))
        }
        _ => made,
    };
    quote!((::std::string::String::from(#channel), #started #(.alias(#aliases))*))
}

/// How a field is read from the engine's state.
fn read(field: &Field<'_>, of: &Ident) -> TokenStream {
    let Field {
        ident,
        ty,
        channel,
        aliases,
        ..
    } = field;
    let of = of.to_string();
    let reader = quote! {
        ::stepwell::graph::typed::support::Field {
            state,
            of: #of,
            name: #channel,
            aliases: &[#(#aliases),*],
        }
    };
    let read = if field.is_list() {
        quote_spanned!(ty.span()=> field.list::<#ty>()?)
    } else {
        quote_spanned!(ty.span()=> field.plain::<#ty>()?)
    };
    let untracked = matches!(field.reducer, Reducer::Untracked);
    let value = match &field.default {
        _ if untracked => read_untracked(field),
        Some(default) => quote!(#read.unwrap_or_else(|| #default)),
        None if field.has_start() || option_of(ty).is_some() => {
            quote!(#read.unwrap_or_default())
        }
        None => quote!(field.required(#read)?),
    };
    quote!(#ident: { let field = #reader; #value })
}

fn read_untracked(field: &Field<'_>) -> TokenStream {
    let written = field.written_type();
    let read = quote_spanned!(field.ty.span()=> field.untracked::<#written>()?);
    match &field.default {
        _ if option_of(field.ty).is_some() => read,
        Some(default) => quote!(#read.unwrap_or_else(|| #default)),
        None => quote!(field.given(#read)?),
    }
}
