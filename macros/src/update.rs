//! The code of the update type: a method per field.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Visibility;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::attributes::Reducer;
use crate::field::{Field, argument_of, is_primitive};

pub(crate) fn update_type(
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
