//! The code that the derive generates.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, Visibility};

use crate::attributes::{self, Reducer};
use crate::field::{Field, argument_of, is_primitive, option_of};
use crate::serde::SerdeAttributes;

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

fn update_type(
    visibility: &Visibility,
    state: &Ident,
    update: &Ident,
    fields: &[Field<'_>],
) -> TokenStream {
    let doc = format!("An update of a [`{state}`]: fields that are not named stay as they are.");
    let setters = fields.iter().map(|field| setters(visibility, field));
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, Default, PartialEq)]
        #[automatically_derived]
        #visibility struct #update(::stepwell::graph::typed::support::Writes);

        #[automatically_derived]
        #[allow(dead_code, clippy::allow_attributes, reason = "not every program writes every field")]
        impl #update {
            /// An update that changes nothing yet.
            #visibility fn new() -> Self {
                ::core::default::Default::default()
            }

            #(#setters)*
        }

        #[automatically_derived]
        impl ::core::convert::From<#update> for ::stepwell::graph::typed::support::Json {
            fn from(update: #update) -> Self {
                update.0.into()
            }
        }

        #[automatically_derived]
        impl ::core::convert::From<#update> for ::stepwell::graph::typed::Update {
            fn from(update: #update) -> Self {
                update.0.into()
            }
        }

        #[automatically_derived]
        impl ::core::convert::From<#update> for ::stepwell::graph::typed::TypedInput<#state> {
            fn from(update: #update) -> Self {
                Self::from_writes(update.0)
            }
        }

        #[automatically_derived]
        impl ::stepwell::graph::IntoNodeOutput<#state> for #update {
            fn into_node_output(
                self,
            ) -> ::core::result::Result<::stepwell::graph::NodeOutput, ::stepwell::graph::NodeError> {
                ::core::result::Result::Ok(self.0.into())
            }
        }
    }
}

/// The methods of the update type for a field.
fn setters(visibility: &Visibility, field: &Field<'_>) -> TokenStream {
    let Field {
        ident, ty, channel, ..
    } = field;
    let plain = ident.unraw();
    let overwrite = format_ident!("overwrite_{plain}");
    let clear = format_ident!("clear_{plain}");
    let doc = format!("Writes to `{plain}`.");
    let overwrite_doc = format!("Replaces `{plain}`, past its reducer.");
    let clear_doc = format!("Makes `{plain}` `None`.");

    let (set, overwritten) = if field.is_list() {
        let item = quote_spanned!(ty.span()=> <#ty as ::stepwell::graph::typed::ListField>::Item);
        let of_primitives = argument_of(ty).is_some_and(|(_, item)| is_primitive(item));
        let (items_of, items) = if of_primitives {
            (item, quote!(items.into_iter()))
        } else {
            (
                quote!(impl ::core::convert::Into<#item>),
                quote!(items.into_iter().map(::core::convert::Into::<#item>::into)),
            )
        };
        let arguments = quote!(items: impl ::core::iter::IntoIterator<Item = #items_of>);
        (
            quote! {
                #[doc = #doc]
                #[must_use]
                #visibility fn #ident(mut self, #arguments) -> Self {
                    self.0.extend(#channel, #items);
                    self
                }
            },
            quote! {
                #[doc = #overwrite_doc]
                #[must_use]
                #visibility fn #overwrite(mut self, #arguments) -> Self {
                    self.0.overwrite(#channel, #items.collect::<::std::vec::Vec<_>>());
                    self
                }
            },
        )
    } else {
        let written = field.written_type();
        let set = match field.reducer {
            Reducer::Untracked => quote!(set_untracked),
            _ => quote!(set),
        };
        let (argument, value) = if is_primitive(written) {
            (written.to_token_stream(), quote!(value))
        } else {
            (
                quote!(impl ::core::convert::Into<#written>),
                quote!(::core::convert::Into::<#written>::into(value)),
            )
        };
        (
            quote! {
                #[doc = #doc]
                #[must_use]
                #visibility fn #ident(mut self, value: #argument) -> Self {
                    self.0.#set(#channel, #value);
                    self
                }
            },
            quote! {
                #[doc = #overwrite_doc]
                #[must_use]
                #visibility fn #overwrite(mut self, value: #argument) -> Self {
                    self.0.overwrite(#channel, #value);
                    self
                }
            },
        )
    };
    let overwritten = field.is_reduced().then_some(overwritten);
    let cleared = field.can_be_cleared().then(|| {
        quote! {
            #[doc = #clear_doc]
            #[must_use]
            #visibility fn #clear(mut self) -> Self {
                self.0.set(#channel, ());
                self
            }
        }
    });
    quote!(#set #overwritten #cleared)
}
