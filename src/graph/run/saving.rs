//! What a run saves: its checkpoints, what its tasks wrote, and at its end what is still to be saved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Run;
use crate::checkpoint::{Metadata, PutCheckpoint, Source, special_write_index};
use crate::graph::config::Durability;
use crate::graph::error::GraphError;
use crate::graph::names::{NULL_TASK_ID, Name, has_task_ids, is_control};
use crate::graph::node_error::Stop;
use crate::graph::run::scratchpad::OpenAnswer;
use crate::graph::run::task::Write;
use crate::graph::run::task_status::Pending;
use crate::graph::run::values::{Values, write_to_save};

impl Run {
    /// Makes the next checkpoint, and saves it unless only the last one of the run is to be saved.
    pub(super) fn put_checkpoint(&mut self, source: Source, updated: &BTreeSet<Name>) {
        self.metadata = Metadata::new(source, self.step);
        self.metadata.parents = self.parents();
        let id = self.graph.ids.next(Some(&self.checkpoint.id), self.step);
        self.checkpoint.id = id;
        self.checkpoint.ts = crate::checkpoint::now();
        self.checkpoint.updated_channels = Some(updated.iter().map(ToString::to_string).collect());
        if self.durability == Durability::Exit {
            self.mark = None;
        } else {
            self.mark_next(source);
            self.save_checkpoint();
        }
        self.step += 1;
    }

    fn save_checkpoint(&mut self) {
        let Some(saver) = &mut self.saver else {
            return;
        };
        let new_versions: BTreeMap<_, _> = self
            .checkpoint
            .channel_versions
            .iter()
            .filter(|(channel, version)| self.saved_versions.get(*channel) != Some(version))
            .map(|(channel, version)| (channel.clone(), version.clone()))
            .collect();
        let mut checkpoint = self.checkpoint.clone();
        let takes_appended = saver.takes_appended();
        let channels = &mut self.channels;
        let saved = Values::to_save(&self.graph, channels, new_versions.keys(), takes_appended);
        checkpoint.channel_values = saved.whole;
        self.saved_parent = self.saved_id.replace(checkpoint.id.clone());
        self.saved_versions.clone_from(&checkpoint.channel_versions);
        let put = PutCheckpoint {
            thread: String::new(),
            namespace: String::new(),
            parent_id: self.saved_parent.clone(),
            checkpoint,
            appended: saved.appended,
            metadata: self.metadata.clone(),
            new_versions,
        };
        saver.put(put, std::mem::take(&mut self.store_changes));
    }

    /// The checkpoints of the enclosing graphs that this run started from, by namespace. If the run was pointed
    /// at a checkpoint of this graph or of one inside it, that one is among them, as in LangGraph: who runs
    /// at a checkpoint that followed from it is pointed there, too.
    pub(super) fn parents(&self) -> BTreeMap<String, String> {
        match &self.parent {
            Some(task) => task.checkpoint_map.clone(),
            None => self.scope.config.checkpoint_map.clone(),
        }
    }

    /// Keeps what a task wrote, in memory and in the checkpointer.
    pub(in crate::graph) fn put_writes(
        &mut self,
        task_id: &str,
        path: String,
        mut writes: Vec<Write>,
    ) {
        if writes.is_empty() {
            return;
        }
        self.wrote.insert(task_id.to_owned());
        let to_save: Vec<Write> = if task_id == NULL_TASK_ID {
            // Writes of commands add up. Special ones come last, as the checkpointer keys the others
            // by their place in the list.
            self.pending
                .retain(|w| w.task_id != task_id || special_write_index(&w.channel).is_none());
            writes.sort_by_key(|(channel, _)| special_write_index(channel).is_some());
            let earlier = self.pending.iter().filter(|w| w.task_id == task_id);
            earlier
                .map(|w| (Arc::clone(&w.channel), w.value.clone()))
                .chain(writes.iter().cloned())
                .collect()
        } else {
            self.pending.retain(|w| w.task_id != task_id);
            writes.clone()
        };
        self.pending
            .extend(writes.into_iter().map(|(channel, value)| Pending {
                task_id: task_id.to_owned(),
                channel,
                value,
            }));
        if self.durability != Durability::Exit {
            self.save_writes(task_id, path, to_save);
        }
    }

    fn save_writes(&mut self, task_id: &str, path: String, writes: Vec<Write>) {
        let Some(saver) = &mut self.saver else {
            return;
        };
        let kept: Vec<Write> = writes
            .into_iter()
            .filter_map(|write| write_to_save(&self.graph, write))
            .collect();
        if !kept.is_empty() {
            saver.put_writes(&self.checkpoint.id, task_id, path, &kept);
        }
    }

    /// Ends the run: saves what is still to be saved and waits until everything is.
    pub(super) async fn finish(&mut self, outcome: Result<(), &Stop>) -> Result<(), GraphError> {
        let stopped = outcome.is_err();
        self.mark_end(outcome);
        let own_memory = !has_task_ids(&self.namespace);
        if self.durability == Durability::Exit && (self.parent.is_none() || stopped || own_memory) {
            self.save_last();
        }
        if matches!(outcome, Ok(()) | Err(Stop::ToParent(_))) {
            self.hand_up_store_changes();
        }
        match &mut self.saver {
            Some(saver) => saver.flush().await,
            None => Ok(()),
        }
    }

    /// What no checkpoint of this run took along goes with that of the graph around it.
    fn hand_up_store_changes(&mut self) {
        if let Some(draft) = self.parent.as_ref().and_then(|task| task.draft.as_ref()) {
            for change in std::mem::take(&mut self.store_changes) {
                draft.absorb(change);
            }
        }
    }

    fn save_last(&mut self) {
        let made_one = self.saved_id.as_deref() != Some(&*self.checkpoint.id)
            && self.metadata.source.is_some();
        if made_one {
            self.save_checkpoint();
        }
        // An answer without an address is for one question. Who took it has it among its own.
        let mut open_answers = self.tasks.iter().filter_map(|t| t.scratchpad.open_answer());
        let is_used = open_answers.any(OpenAnswer::is_taken);
        let used = |w: &Pending| is_used && w.task_id == NULL_TASK_ID && is_control(&w.channel);
        let mut by_task: BTreeMap<String, Vec<Write>> = BTreeMap::new();
        for write in &self.pending {
            if self.wrote.contains(&write.task_id) && !used(write) {
                by_task
                    .entry(write.task_id.clone())
                    .or_default()
                    .push((Arc::clone(&write.channel), write.value.clone()));
            }
        }
        for (task_id, writes) in by_task {
            let path = self
                .tasks
                .iter()
                .find(|task| task.id == task_id)
                .map(|task| task.path.to_string())
                .unwrap_or_default();
            self.save_writes(&task_id, path, writes);
        }
    }
}
