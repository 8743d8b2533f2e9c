//! The native part of the Python package: one open database, in bytes.
//!
//! It must never know LangGraph or a serializer: what the values mean is the Python layer's.

mod database;
mod engine;
mod failure;
mod listing;
mod lists;
mod operations;
mod pending;
mod per_process;
mod reading;
mod saving;
mod store;
mod threads;
mod values;
mod warm;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::database::Database;
    #[pymodule_export]
    use super::failure::panics;
    #[pymodule_export]
    use super::listing::Listing;
    #[pymodule_export]
    use super::lists::Cutter;
    #[pymodule_export]
    use super::pending::Pending;
}
