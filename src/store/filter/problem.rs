//! [`FilterProblem`]: why JSON is no filter.

/// Why JSON is no [`Filter`](crate::store::Filter).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterProblem {
    /// A filter, or an operand of `$and`, `$or` or `$not` that must be one, is no object.
    #[error("a filter is an object of conditions by field")]
    NotAnObject,
    /// There is no such operator, or not in this place.
    #[error(
        "`{operator}` is not an operator here; a field has $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, \
         $contains and $not, and no plain fields beside them; a filter has $and, $or and $not"
    )]
    UnknownOperator {
        /// As it was given.
        operator: String,
    },
    /// An operator cannot work with what it was given.
    #[error("`{operator}` takes {expected}")]
    WrongOperand {
        /// The operator.
        operator: &'static str,
        /// What it takes instead.
        expected: &'static str,
    },
    /// Conditions are nested more deeply than anybody would write them.
    #[error(
        "conditions are nested more than {limit} levels deep; write it as a list of conditions"
    )]
    TooDeep {
        /// So many levels are allowed.
        limit: usize,
    },
}
