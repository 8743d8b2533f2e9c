//! [`StoreWrites`]: when what nodes put into the store takes effect.

/// When what nodes put into the store, or delete from it, takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreWrites {
    /// At once, as each call returns. A super-step that fails or is killed after it leaves it there, and does it
    /// again when it is run again.
    #[default]
    Immediate,
    /// Together with the super-step: durable and visible to others with the checkpoint of the step, in one
    /// commit, or not at all. The node itself sees it at once, and the run's later steps do. Needs the checkpointer and the store of one
    /// database.
    WithStep,
}
