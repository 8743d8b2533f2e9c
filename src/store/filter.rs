//! (in progress)
/// In progress.
#[derive(Clone, Debug, Default)]
pub struct Filter;
