//! `#[derive(State)]`: a plain struct as the state of a graph. Use it as `stepwell::graph::State`.
//!
//! `attributes` reads what is written on the struct, `field` is what it means for each field, `expand` and
//! `update` write the code. What a channel does is the engine's business; this crate knows only the names of its constructors.

mod attributes;
mod case;
mod expand;
mod field;
mod serde;
mod update;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct the state of a graph: each field a channel, with the reducer that its `#[state(...)]` names.
///
/// It implements `GraphState` and generates the update type, named after the struct: `ChatUpdate` for `Chat`
/// (another name with `#[state(update = Name)]` on the struct). The update type has a method per field, which
/// writes to it; `overwrite_field` for fields with a reducer, which replaces the value; and `clear_field` for
/// an `Option`, which makes it `None`. Called twice, the method of a list writes both; that of another
/// field the last.
///
/// The attributes are told in `stepwell::graph::typed`.
#[proc_macro_derive(State, attributes(state, serde))]
pub fn derive_state(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
