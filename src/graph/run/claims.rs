//! [`Claims`]: which task of a run last used which subgraph's memory.
//!
//! Two tasks of one super-step run in no order, so what one leaves in a memory must not depend on the other,
//! even where they happen not to overlap.

use std::collections::HashMap;

use parking_lot::Mutex;

/// The tasks that a piece of work is part of, outermost first: the checkpoint that the task's super-step starts
/// from, and the task's id.
pub(in crate::graph) type Lineage = Vec<(String, String)>;

/// By namespace: who used it last. Shared by a run and its subgraphs.
#[derive(Debug, Default)]
pub(in crate::graph) struct Claims(Mutex<HashMap<String, Lineage>>);

impl Claims {
    /// Claims `namespace`; false if another task of the same super-step has.
    pub(in crate::graph) fn claim(&self, namespace: &str, lineage: &Lineage) -> bool {
        let mut claims = self.0.lock();
        if let Some(last) = claims.get(namespace)
            && are_concurrent(last, lineage)
        {
            return false;
        }
        claims.insert(namespace.to_owned(), lineage.clone());
        true
    }
}

/// Whether the two part at two tasks of one super-step.
fn are_concurrent(a: &Lineage, b: &Lineage) -> bool {
    a.iter()
        .zip(b)
        .find(|((_, task_a), (_, task_b))| task_a != task_b)
        .is_some_and(|((step_a, _), (step_b, _))| step_a == step_b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(places: &[(&str, &str)]) -> Lineage {
        let place = |(step, task): &(&str, &str)| ((*step).to_owned(), (*task).to_owned());
        places.iter().map(place).collect()
    }

    #[test]
    fn tasks_of_one_step_cannot_claim_the_same() {
        let claims = Claims::default();
        assert!(claims.claim("p", &lineage(&[("1", "a")])));
        assert!(claims.claim("p", &lineage(&[("1", "a")])));
        assert!(claims.claim("q", &lineage(&[("1", "b")])));
        assert!(!claims.claim("p", &lineage(&[("1", "b")])));
        assert!(claims.claim("p", &lineage(&[("2", "b")])));
    }

    #[test]
    fn a_difference_further_in_counts_only_below_the_same_task() {
        let claims = Claims::default();
        assert!(claims.claim("p", &lineage(&[("1", "a"), ("x", "i")])));
        assert!(claims.claim("p", &lineage(&[("1", "a"), ("y", "j")])));
        assert!(!claims.claim("p", &lineage(&[("1", "a"), ("y", "k")])));
        assert!(!claims.claim("p", &lineage(&[("1", "b"), ("z", "i")])));
    }
}
