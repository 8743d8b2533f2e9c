//! [`Handed`]: a value as it is handed over.

use crate::Encoded;

/// A value as it is handed over.
#[derive(Debug)]
pub(crate) enum Handed {
    Whole(Encoded),
    /// What the list that the parent has was made longer by.
    Appended(Vec<Encoded>),
}

impl From<Encoded> for Handed {
    fn from(value: Encoded) -> Self {
        Self::Whole(value)
    }
}
