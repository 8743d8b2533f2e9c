//! [`LiveChannel`]: a channel during a run, its value and the rules that change it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::graph::channels::channel::Kind;
use crate::graph::channels::held::Held;
use crate::graph::channels::messages::Places;
use crate::graph::channels::reducer::{Folded, ReduceError, Reducer};
use crate::graph::output::as_overwrite;
use crate::graph::typed::refuse_unserializable;
use crate::msgpack::elements_of_set;

/// A channel with its value. Cloning it is cheap: the value is shared until it changes.
#[derive(Clone, Debug)]
pub(in crate::graph) struct LiveChannel {
    kind: Kind,
    value: Option<Held>,
    /// Where the messages of a `messages` channel are; found out at its first write in a run.
    places: Option<Places>,
    /// How long the list was in the checkpoint that the next one follows, if it has only grown since.
    saved_len: Option<usize>,
    /// Of a barrier: who has written since it last fired.
    seen: BTreeSet<String>,
    /// Of a deferred trigger: nothing else is left to run.
    finished: bool,
}

impl LiveChannel {
    pub(in crate::graph) fn new(kind: Kind) -> Self {
        let value = match &kind {
            Kind::Reduce(reducer) => reducer.initial.clone().map(Held::from),
            _ => None,
        };
        Self {
            kind,
            value,
            places: None,
            saved_len: None,
            seen: BTreeSet::new(),
            finished: false,
        }
    }

    /// The channel as a checkpoint kept it, or as it starts out where the checkpoint has no value.
    pub(in crate::graph) fn restore(kind: Kind, saved: Option<Value>) -> Result<Self, ReduceError> {
        let mut channel = Self::new(kind);
        let Some(saved) = saved else {
            return Ok(channel);
        };
        match (&channel.kind, saved) {
            (Kind::Untracked, _) => {}
            (Kind::Barrier { deferred, .. }, saved) => {
                let (names, finished) = match (deferred, saved) {
                    (false, names) => (names, false),
                    (true, saved) => take_pair(saved)?,
                };
                channel.seen = serde_json::from_value(elements_of_set(names))
                    .map_err(|e| ReduceError::Invalid(format!("a saved join is damaged: {e}")))?;
                channel.finished = finished;
            }
            (Kind::DeferredTrigger, saved) => {
                let (value, finished) = take_pair(saved)?;
                channel.value = Some(value.into());
                channel.finished = finished;
            }
            (_, saved) => channel.value = Some(saved.into()),
        }
        channel.mark_saved();
        Ok(channel)
    }

    /// The next checkpoint follows one that has the value as it is now.
    pub(in crate::graph) fn mark_saved(&mut self) {
        self.saved_len = self.value.as_ref().and_then(Held::len);
    }

    /// The next checkpoint follows one that does not have the value.
    pub(in crate::graph) fn mark_unsaved(&mut self) {
        self.saved_len = None;
    }

    /// The elements that were added to the list since it was saved, if nothing else happened to it.
    pub(in crate::graph) fn appended(&self) -> Option<impl Iterator<Item = &Value>> {
        let saves_value = matches!(self.kind, Kind::Reduce(_) | Kind::Topic { .. });
        let list = self.value.as_ref().filter(|_| saves_value)?;
        let saved_len = self.saved_len?;
        Some(list.elements()?.skip(saved_len))
    }

    /// Makes one list of what was there and what was added: without a copy, if nobody else has the former. To be called
    /// when those who saw the channel as it was have gone.
    pub(in crate::graph) fn settle(&mut self) {
        if let Some(value) = &mut self.value {
            value.join();
        }
        if let Some(places) = &mut self.places {
            places.join();
        }
    }

    /// What a checkpoint keeps of it; `None` if there is nothing to keep.
    pub(in crate::graph) fn save(&self) -> Option<Arc<Value>> {
        match &self.kind {
            Kind::Untracked => None,
            Kind::Barrier { deferred, .. } => {
                if self.seen.is_empty() && !self.finished {
                    None
                } else if *deferred {
                    Some(Arc::new(json!([self.seen, self.finished])))
                } else {
                    Some(Arc::new(json!(self.seen)))
                }
            }
            Kind::DeferredTrigger => self
                .value
                .as_ref()
                .map(|value| Arc::new(json!([**value.whole(), self.finished]))),
            _ => self.value.as_ref().map(|value| Arc::clone(value.whole())),
        }
    }

    /// The value that nodes see, if there is one.
    pub(in crate::graph) fn get(&self) -> Option<&Held> {
        match &self.kind {
            Kind::Barrier { .. } => None,
            Kind::DeferredTrigger if !self.finished => None,
            _ => self.value.as_ref(),
        }
    }

    /// Whether it can trigger a node.
    pub(in crate::graph) fn is_available(&self) -> bool {
        match &self.kind {
            Kind::Barrier { names, deferred } => {
                self.seen == **names && (self.finished || !deferred)
            }
            _ => self.get().is_some(),
        }
    }

    /// Whether a super-step without writes to it takes its value away.
    pub(in crate::graph) fn is_fleeting(&self) -> bool {
        matches!(
            self.kind,
            Kind::Any | Kind::Trigger | Kind::Ephemeral | Kind::Topic { accumulate: false }
        )
    }

    /// Applies the writes of one super-step, none included; says whether anything changed.
    pub(in crate::graph) fn update(&mut self, writes: Vec<Value>) -> Result<bool, ReduceError> {
        writes.iter().try_for_each(refuse_unserializable)?;
        match &self.kind {
            Kind::Last | Kind::Untracked => self.replace(writes, true),
            Kind::Any | Kind::Trigger => {
                if writes.is_empty() {
                    return Ok(self.clear());
                }
                self.replace(writes, false)
            }
            Kind::Ephemeral => {
                if writes.is_empty() {
                    return Ok(self.clear());
                }
                self.replace(writes, true)
            }
            Kind::DeferredTrigger => {
                if !writes.is_empty() {
                    self.finished = false;
                }
                self.replace(writes, false)
            }
            Kind::Topic { accumulate } => {
                let keep = *accumulate;
                Ok(self.extend_topic(writes, keep))
            }
            Kind::Reduce(reducer) => {
                let reducer = reducer.clone();
                self.reduce(&reducer, writes)
            }
            Kind::Barrier { names, .. } => {
                let names = Arc::clone(names);
                self.gather(&names, writes)
            }
        }
    }

    /// A node that it triggered has been planned; says whether anything changed.
    pub(in crate::graph) fn consume(&mut self) -> bool {
        match &self.kind {
            Kind::Barrier { .. } if self.is_available() => {
                self.seen.clear();
                self.finished = false;
                true
            }
            Kind::DeferredTrigger if self.finished => {
                self.value = None;
                self.finished = false;
                true
            }
            _ => false,
        }
    }

    /// Nothing else is left to run; says whether anything changed.
    pub(in crate::graph) fn finish(&mut self) -> bool {
        let complete = match &self.kind {
            Kind::Barrier {
                names,
                deferred: true,
            } => self.seen == **names,
            Kind::DeferredTrigger => self.value.is_some(),
            _ => false,
        };
        let changed = complete && !self.finished;
        self.finished |= complete;
        changed
    }

    fn clear(&mut self) -> bool {
        self.saved_len = None;
        self.value.take().is_some()
    }

    fn replace(&mut self, mut writes: Vec<Value>, one_only: bool) -> Result<bool, ReduceError> {
        if one_only && writes.len() > 1 {
            return Err(ReduceError::Invalid(format!(
                "it takes one value per super-step and got {}; give it a reducer to combine several",
                writes.len()
            )));
        }
        let Some(last) = writes.pop() else {
            return Ok(false);
        };
        self.saved_len = None;
        self.value = Some(as_overwrite(last).unwrap_or_else(|plain| plain).into());
        Ok(true)
    }

    fn extend_topic(&mut self, writes: Vec<Value>, keep: bool) -> bool {
        let had = self.value.is_some();
        let mut new = Vec::new();
        for write in writes {
            match write {
                Value::Array(elements) => new.extend(elements),
                one => new.push(one),
            }
        }
        let grew = !new.is_empty();
        let rest = match self.value.as_mut().filter(|_| keep) {
            Some(list) => list.grow(new),
            None => Err(new),
        };
        if let Err(new) = rest {
            self.saved_len = None;
            self.value = grew.then(|| Value::Array(new).into());
        }
        grew || (had && !keep)
    }

    fn reduce(&mut self, reducer: &Reducer, writes: Vec<Value>) -> Result<bool, ReduceError> {
        if writes.is_empty() {
            return Ok(false);
        }
        let mut overwritten = false;
        for write in writes {
            match as_overwrite(write) {
                Ok(_) if overwritten => {
                    return Err(ReduceError::Invalid(
                        "it got two overwrites in one super-step; only one can win".into(),
                    ));
                }
                Ok(value) => {
                    self.saved_len = None;
                    self.places = None;
                    self.value = Some(value.into());
                    overwritten = true;
                }
                Err(_) if overwritten => {}
                Err(write) => {
                    let next = match self.value.take() {
                        Some(current) => reducer.fold(current, &mut self.places, write)?,
                        None => Folded {
                            value: write.into(),
                            only_grew: false,
                        },
                    };
                    if !next.only_grew {
                        self.saved_len = None;
                    }
                    self.value = Some(next.value);
                }
            }
        }
        Ok(true)
    }

    fn gather(
        &mut self,
        names: &BTreeSet<String>,
        writes: Vec<Value>,
    ) -> Result<bool, ReduceError> {
        let mut changed = false;
        for write in writes {
            match write.as_str() {
                Some(name) if names.contains(name) => changed |= self.seen.insert(name.into()),
                _ => {
                    return Err(ReduceError::Invalid(format!(
                        "`{write}` is none of the nodes that the join waits for"
                    )));
                }
            }
        }
        Ok(changed)
    }
}

fn take_pair(saved: Value) -> Result<(Value, bool), ReduceError> {
    match saved {
        Value::Array(pair) => {
            let mut pair = pair.into_iter();
            match (pair.next(), pair.next()) {
                (Some(value), Some(Value::Bool(finished))) => Ok((value, finished)),
                _ => Err(ReduceError::Invalid("a saved deferral is damaged".into())),
            }
        }
        _ => Err(ReduceError::Invalid("a saved deferral is damaged".into())),
    }
}
