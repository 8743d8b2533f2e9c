//! Testing what is built on, or in the place of, parts of this crate.

pub mod store_conformance;
