//! [`Answer`]: what a store says to an [`Op`](crate::store::Op).

use crate::store::{Cursor, Explain, Item, StoreError, Versions};

/// What a store says to an [`Op`](crate::store::Op).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// To a put or a deletion.
    Done,
    /// To a get.
    Item(Option<Item>),
    /// To a search.
    Page(Page),
    /// To a count.
    Count(u64),
    /// To how a search is done.
    Explained(Explain),
    /// To a list of namespaces.
    Namespaces(Vec<Vec<String>>),
    /// To what an item was.
    History(Versions),
}

/// Items that were found, and how to go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// In the order of the search.
    pub items: Vec<Item>,
    /// Where the next page begins; `None` if this is the last one. There may be nothing behind it.
    pub next: Option<Cursor>,
}

/// The one answer to a batch of one.
pub(super) fn only<T>(
    answers: Vec<Answer>,
    take: impl FnOnce(Answer) -> Option<T>,
) -> Result<T, StoreError> {
    let only = answers.into_iter().next().and_then(take);
    only.ok_or(StoreError::WrongAnswer)
}
