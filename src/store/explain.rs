//! [`Explain`]: how a search finds its items.

/// How a search finds its items, and what it reads for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explain {
    /// The paths of the fields by which it finds them in the index; `None`: it goes through the items below the prefix, in its order if
    /// that is by key or update.
    pub index: Option<Vec<String>>,
    /// The conditions that the index can serve.
    pub considered: Vec<Considered>,
    /// How many rows of the index it reads.
    pub rows_read: u64,
    /// How many items' values it reads.
    pub values_read: u64,
    /// How many items' vectors it compares with the query's.
    pub vectors_compared: u64,
    /// Whether the nearest vectors were looked for in a graph (feature `ann`), which may miss some, and not by comparing all.
    pub approximate: bool,
    /// How many items have vectors that it does not compare, as another model made them: they follow without a score. Put them again.
    pub vectors_of_others: u64,
    /// How many items it finds.
    pub found: u64,
}

/// A condition that the index can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// The fields that it is about.
    pub paths: Vec<String>,
    /// How many items it leaves; `None`: more than another one.
    pub items: Option<u64>,
}
