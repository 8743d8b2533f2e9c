//! (in progress)
/// In progress.
#[derive(Debug)]
pub struct MemorySaver;
