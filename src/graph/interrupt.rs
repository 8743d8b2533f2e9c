//! [`Interrupt`]: a question that a node asks the outside world.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question that a node asked and that waits for an answer
/// ([`Command::resume`](crate::graph::Command::resume)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interrupt {
    /// Names the question in [`Command::resume_by_id`](crate::graph::Command::resume_by_id).
    pub id: String,
    /// What the node asks.
    pub value: Value,
}

impl Interrupt {
    pub(super) fn read_all(saved: &Value) -> Vec<Self> {
        serde_json::from_value(saved.clone()).unwrap_or_default()
    }

    pub(super) fn write_all(interrupts: &[Self]) -> Value {
        serde_json::to_value(interrupts).unwrap_or_default()
    }
}
