//! What the input of a run, or a command in its place, does to what the run starts from.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Run;
use crate::checkpoint::Source;
use crate::graph::branch::Target;
use crate::graph::channels::channel::Kind;
use crate::graph::command::{Command, Resume};
use crate::graph::error::GraphError;
use crate::graph::input::Input;
use crate::graph::interrupt::Interrupt;
use crate::graph::names::{INTERRUPT, NULL_TASK_ID, RESUME, START};
use crate::graph::run::apply::{TaskWrites, apply_writes};
use crate::graph::run::plan::Plan;
use crate::graph::run::save::Saver;
use crate::graph::run::task::Write;
use crate::graph::run::task_status::{Pending, writes_of_commands};
use crate::graph::run::writers::{goto_write, state_write};

impl Run {
    /// What a command writes before the run goes on.
    pub(super) fn command_writes(&mut self, command: &Command) -> Result<Vec<Write>, GraphError> {
        let mut writes: Vec<Write> = command.goto.iter().filter_map(goto_write).collect();
        for (channel, value) in &mut writes {
            let kind = self.graph.channels.get(channel).map(|of| &of.kind);
            match kind {
                // As a checkpoint has what is deferred, so that whoever has no graph can tell, too.
                Some(Kind::DeferredTrigger) => *value = json!([START, false]),
                _ if value.is_null() => *value = Value::from(START),
                _ => {}
            }
        }
        let mut is_empty = writes.is_empty() && command.resume.is_none();
        match &command.resume {
            None | Some(Resume::ById(_)) => {}
            Some(Resume::Value(answer)) => {
                let mut asked = self.pending_interrupts();
                if asked.len() > 1 {
                    return Err(GraphError::AmbiguousResume {
                        thread: self.thread().to_owned(),
                        pending: asked.len(),
                    });
                }
                if asked.is_empty() && self.pending.iter().any(is_answered_question) {
                    // What the answer before this one was for is not what this one is for.
                    asked.push(Interrupt {
                        id: String::new(),
                        value: Value::Null,
                    });
                }
                if !asked.is_empty() {
                    writes.push((INTERRUPT.into(), Interrupt::write_all(&asked)));
                }
                writes.push((RESUME.into(), answer.clone()));
            }
        }
        if let Some(Value::Object(entries)) = &command.update {
            is_empty &= entries.is_empty();
            for (key, value) in entries.clone() {
                match state_write((key.clone(), value), &self.graph, &self.graph.state) {
                    Some(write) => writes.push(write),
                    None => tracing::warn!(key, "ignored what a command writes to no channel"),
                }
            }
        }
        for (channel, value) in &mut writes {
            self.graph.ensure_message_ids(channel, value);
        }
        if is_empty {
            return Err(GraphError::EmptyInput {
                thread: self.thread().to_owned(),
            });
        }
        Ok(writes)
    }

    /// Applies what belongs to no task: what was pending of that, and what was given now.
    pub(super) fn apply_null_writes(&mut self, given: Vec<Write>) -> Result<(), GraphError> {
        let mut writes = writes_of_commands(&self.pending);
        writes.extend(given);
        if writes.is_empty() {
            return Ok(());
        }
        let updated = apply_writes(
            &self.graph,
            &mut self.checkpoint,
            &mut self.channels,
            vec![TaskWrites::from_input(writes)],
        )?;
        self.channels.settle();
        if let Some(known) = &mut self.checkpoint.updated_channels {
            known.extend(updated.iter().map(ToString::to_string));
            known.sort();
            known.dedup();
        }
        Ok(())
    }

    /// Drops what was pending, applies the input in its place, and saves the input checkpoint.
    pub(super) fn apply_input(&mut self, values: Value) -> Result<(), GraphError> {
        let mut discarded = Plan {
            graph: &self.graph,
            checkpoint: &self.checkpoint,
            channels: &self.channels,
            pending: &self.pending,
            namespace: &self.namespace,
            step: self.step,
            answers: None,
            within: None,
        }
        .tasks();
        let mut writes: Vec<TaskWrites> = discarded.iter_mut().map(TaskWrites::from).collect();
        let mut values = values;
        if let Value::Object(entries) = &mut values {
            for (channel, value) in entries.iter_mut() {
                self.graph.ensure_message_ids(channel, value);
            }
        }
        writes.push(TaskWrites::from_input(vec![(START.into(), values)]));
        let updated = apply_writes(
            &self.graph,
            &mut self.checkpoint,
            &mut self.channels,
            writes,
        )?;
        drop(discarded);
        self.channels.settle();
        self.pending.clear();
        self.put_checkpoint(Source::Input, &updated);
        Ok(())
    }

    /// Takes the answers that are given by id. Those that the run before this one was given and has not used still hold, unless
    /// there is a new input, or an answer without an id, which may be for the same question.
    pub(super) fn take_answers(&mut self, input: &Input, anew: bool) {
        let resume = match input {
            Input::Values(_) => return,
            Input::Command(command) => command.resume.as_ref(),
            Input::Continue => None,
        };
        let kept = self.mark.as_ref().filter(|_| !anew);
        let mut answers = kept.map(|mark| mark.answers().clone()).unwrap_or_default();
        match resume {
            Some(Resume::Value(_)) => return,
            Some(Resume::ById(given)) => answers.extend(given.clone()),
            None => {}
        }
        if let Some(scope) = Arc::get_mut(&mut self.scope) {
            scope.answers = Some(Arc::new(answers)).filter(|answers| !answers.is_empty());
        }
    }

    pub(super) fn thread(&self) -> &str {
        self.saver.as_ref().map_or("", Saver::thread)
    }
}

/// Whether it notes which question an answer without an id was for.
fn is_answered_question(write: &Pending) -> bool {
    write.task_id == NULL_TASK_ID && &*write.channel == INTERRUPT
}

/// Refuses what cannot be an input, before anything is done about it.
pub(super) fn check_input(input: &Input) -> Result<(), GraphError> {
    let is_update = |value: &Value| matches!(value, Value::Object(_) | Value::Null);
    match input {
        Input::Values(other) if !is_update(other) => Err(GraphError::invalid_update(
            "the input",
            format!("an input is an object, not `{other}`"),
        )),
        Input::Command(command) if command.to_parent => Err(GraphError::invalid_update(
            "the parent graph",
            "a run was given a command for it, and there is none",
        )),
        Input::Command(command) => {
            command.goto.iter().try_for_each(Target::check)?;
            match &command.update {
                Some(other) if !is_update(other) => Err(GraphError::invalid_update(
                    "the state",
                    format!("a command's update is an object, not `{other}`"),
                )),
                _ => Ok(()),
            }
        }
        Input::Values(_) | Input::Continue => Ok(()),
    }
}

/// What the input writes. A command on a thread without a past stands in for an input.
pub(super) fn input_values(input: Input) -> Option<Value> {
    match input {
        Input::Values(mut values) => {
            Command::remove_from(&mut values);
            Some(values)
        }
        Input::Command(command) => command.as_input(),
        Input::Continue => None,
    }
}
