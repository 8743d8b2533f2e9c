//! [`StoreLayer`]: what the steps of a run did to the store and nobody else sees yet, as the run's next steps see it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ItemChange;
use crate::store::Draft;

/// What the steps of a run did to the store, until the store has it.
pub(in crate::graph) struct StoreLayer {
    draft: Arc<Draft>,
    /// By step, in their order.
    steps: VecDeque<(i64, Vec<ItemChange>)>,
}

impl StoreLayer {
    pub(in crate::graph) fn new(draft: Draft) -> Self {
        Self {
            draft: Arc::new(draft),
            steps: VecDeque::new(),
        }
    }

    /// What a task is to do to the store, as it sees it.
    pub(in crate::graph) fn draft(&self) -> Arc<Draft> {
        Arc::new(Draft::over(Arc::clone(&self.draft)))
    }

    /// Adds what the tasks of a step did.
    pub(in crate::graph) fn add(&mut self, step: i64, changes: &[ItemChange]) {
        if changes.is_empty() {
            return;
        }
        for change in changes {
            self.draft.absorb(change.clone());
        }
        self.steps.push_back((step, changes.to_vec()));
    }

    /// Forgets what the store has: all up to `saved`. Others may have changed it since.
    pub(in crate::graph) fn settle(&mut self, saved: Option<i64>) {
        let is_saved = |step: i64| saved.is_some_and(|saved| step <= saved);
        let mut forgot = false;
        while let Some((_, changes)) = self.steps.pop_front_if(|(step, _)| is_saved(*step)) {
            forgot = true;
            for change in changes {
                self.draft.forget(change);
            }
        }
        if forgot {
            let left = self.steps.iter().flat_map(|(_, changes)| changes);
            left.cloned().for_each(|change| self.draft.absorb(change));
        }
    }
}
