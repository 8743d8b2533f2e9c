//! Why the database refused or failed.

/// Why the database refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {}
