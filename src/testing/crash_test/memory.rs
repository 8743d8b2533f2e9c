//! [`Memory`]: what those outside remember of what they have asked for and been told, across the deaths of the process.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::graph::{Config, GraphError, RunOutput};

/// How far a thread has come: its latest checkpoint, and how many writes there are upon that. It only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Progress {
    pub(super) checkpoint: Option<String>,
    pub(super) writes: usize,
}

/// What a client was told.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Run(Result<RunOutput, GraphError>),
    Update(Result<Config, GraphError>),
}

/// A call of a client.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) config: Config,
    /// How far the thread had come before it.
    pub(super) before: Progress,
    /// What it was told, and how far the thread had come then.
    pub(super) told: Option<(Answer, Progress)>,
}

/// All calls, by thread and in order.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<BTreeMap<String, Vec<Call>>>);

impl Memory {
    pub(super) fn get(&self, thread: &str, number: usize) -> Option<Call> {
        let calls = self.0.lock();
        calls.get(thread)?.get(number).cloned()
    }

    /// A call begins; what was remembered of it and of later ones is forgotten.
    pub(super) fn begin(&self, thread: &str, number: usize, call: Call) {
        let mut calls = self.0.lock();
        let calls = calls.entry(thread.to_owned()).or_default();
        calls.truncate(number);
        calls.push(call);
    }

    pub(super) fn end(&self, thread: &str, number: usize, answer: Answer, progress: Progress) {
        let mut calls = self.0.lock();
        let call = calls.get_mut(thread).and_then(|of| of.get_mut(number));
        if let Some(call) = call {
            call.told = Some((answer, progress));
        }
    }

    /// With what the call that a thread was in the middle of was made.
    pub(super) fn config(&self, thread: &str, progress: &Progress) -> Option<Config> {
        let calls = self.0.lock();
        let last = calls.get(thread)?.iter().rfind(|of| of.before <= *progress);
        last.map(|call| call.config.clone())
    }
}
