//! [`Scratchpad`]: what one task remembers between its start and its end: the answers that it was given
//! and how many questions and subgraphs it has got to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde_json::Value;

use crate::graph::run::task::interrupt_id;

/// The one answer that was given without saying to which question. It is for the only one that waited then; if none did,
/// whoever asks first takes it.
#[derive(Clone, Debug)]
pub(in crate::graph) struct OpenAnswer {
    answer: Arc<Mutex<Option<Value>>>,
    /// The id of the question that waited.
    question: Option<Arc<str>>,
}

impl OpenAnswer {
    pub(in crate::graph) fn new(answer: Value, question: Option<&str>) -> Self {
        Self {
            answer: Arc::new(Mutex::new(Some(answer))),
            question: question.map(Arc::from),
        }
    }

    pub(in crate::graph) fn is_taken(&self) -> bool {
        self.answer.lock().is_none()
    }

    /// Takes it for the question with this id, or for whichever it was.
    fn take_for(&self, id: Option<&str>) -> Option<Value> {
        let is_for = match (self.question.as_deref(), id) {
            (Some(asked), Some(id)) => asked == id,
            _ => true,
        };
        self.answer.lock().take_if(|_| is_for)
    }
}

#[derive(Debug, Default)]
pub(in crate::graph) struct Scratchpad {
    /// What the ids of the task's questions are made of: the same when the task is run again.
    asks_as: String,
    /// Whether it stands in for the task that asked, of which it knows nothing else.
    stands_in: bool,
    answers: Mutex<Answers>,
    asked: AtomicUsize,
    subgraphs: AtomicUsize,
    /// How often what its subgraphs came to followed from more than their input.
    digressions: AtomicUsize,
    open_answer: Option<OpenAnswer>,
    /// Of the task that runs its graph.
    parent: Option<Arc<Scratchpad>>,
    /// Whether it may have the open answer that was given further out.
    may_take: bool,
    /// Whether its graph saves.
    saves: bool,
    /// The questions whose answers are kept, here and in its subgraphs.
    answered: Mutex<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Answers {
    given: Vec<Value>,
    /// How many of the first ones were used in this attempt.
    used: usize,
}

/// How many questions and subgraphs a task had got to.
#[derive(Clone, Copy, Debug)]
pub(in crate::graph) struct Mark {
    asked: usize,
    digressions: usize,
}

impl Scratchpad {
    pub(in crate::graph) fn new(
        asks_as: String,
        stands_in: bool,
        given: Vec<Value>,
        open_answer: Option<OpenAnswer>,
        parent: Option<Arc<Scratchpad>>,
        may_take: bool,
        saves: bool,
    ) -> Self {
        Self {
            asks_as,
            stands_in,
            answers: Mutex::new(Answers { given, used: 0 }),
            open_answer,
            parent,
            may_take,
            saves,
            ..Self::default()
        }
    }

    /// The answer to the task's next question, or else the question's id.
    pub(in crate::graph) fn next_answer(&self) -> Result<Value, String> {
        let place = self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.note_digression();
        }
        let mut answers = self.answers.lock();
        if let Some(answer) = answers.given.get(place).cloned() {
            answers.used = place + 1;
            return Ok(answer);
        }
        let id = interrupt_id(&self.asks_as, answers.given.len());
        let asked = (!self.stands_in).then_some(id.as_str());
        match self.take_open_answer(asked) {
            Some(answer) => {
                answers.given.push(answer.clone());
                answers.used = place + 1;
                Ok(answer)
            }
            None => Err(id),
        }
    }

    /// Whether the task's question with this id was answered. Of one that a subgraph asked it is known only whether the open
    /// answer was for it, which counts once the task `failed`: until then it may still be on its way.
    pub(in crate::graph) fn has_answer_to(&self, id: &str, failed: bool) -> bool {
        let given = self.answers.lock().given.len();
        let place = (0..=given).find(|place| interrupt_id(&self.asks_as, *place) == id);
        let open = self.open_answer.as_ref();
        match place {
            Some(place) => place < given,
            None => failed && open.is_some_and(|open| open.question.as_deref() == Some(id)),
        }
    }

    /// The answers that were used in this attempt, to be kept for the next one.
    pub(in crate::graph) fn used_answers(&self) -> Option<Value> {
        let answers = self.answers.lock();
        if answers.used == 0 {
            return None;
        }
        if self.saves {
            let questions = (0..answers.used).map(|place| interrupt_id(&self.asks_as, place));
            self.note_answered(&questions.collect());
        }
        Some(Value::Array(answers.given.clone()))
    }

    fn note_answered(&self, questions: &BTreeSet<String>) {
        self.answered.lock().extend(questions.iter().cloned());
        if let Some(parent) = &self.parent {
            parent.note_answered(questions);
        }
    }

    /// Whether the answer to this question of the task, or of a subgraph of it, is kept.
    pub(in crate::graph) fn was_answered(&self, id: &str) -> bool {
        self.answered.lock().contains(id)
    }

    pub(in crate::graph) fn asks_as(&self) -> &str {
        &self.asks_as
    }

    /// The place of the next subgraph that the task runs, from 0.
    pub(in crate::graph) fn next_subgraph(&self) -> usize {
        self.subgraphs.fetch_add(1, Ordering::Relaxed)
    }

    /// How far the task has got.
    pub(in crate::graph) fn mark(&self) -> Mark {
        Mark {
            asked: self.asked.load(Ordering::Relaxed),
            digressions: self.digressions.load(Ordering::Relaxed),
        }
    }

    /// Starts another attempt from `mark`: questions are counted from there, answers stay. Subgraphs are counted on, as
    /// in LangGraph, so that one that failed half-way starts over in a place of its own instead of on top of what
    /// it had done.
    pub(in crate::graph) fn rewind(&self, mark: Mark) {
        self.asked.store(mark.asked, Ordering::Relaxed);
        let mut answers = self.answers.lock();
        answers.used = answers.used.min(mark.asked);
    }

    /// Notes that what a subgraph of the task comes to follows from more than its input: somebody answered it, or it
    /// goes on with what was saved.
    pub(in crate::graph) fn note_digression(&self) {
        self.digressions.fetch_add(1, Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.note_digression();
        }
    }

    /// Whether what the task has come to since `mark` follows from more than its input.
    pub(in crate::graph) fn has_digressed_since(&self, mark: Mark) -> bool {
        let now = self.mark();
        now.asked > mark.asked || now.digressions > mark.digressions
    }

    pub(in crate::graph) fn open_answer(&self) -> Option<&OpenAnswer> {
        self.open_answer.as_ref()
    }

    fn take_open_answer(&self, question: Option<&str>) -> Option<Value> {
        match (&self.open_answer, &self.parent) {
            (Some(open), _) => open.take_for(question),
            (None, Some(parent)) if self.may_take => parent.take_open_answer(question),
            (None, _) => None,
        }
    }
}
