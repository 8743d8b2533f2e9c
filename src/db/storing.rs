//! [`Storing`]: how each value of a checkpoint is stored: whole, as a delta or as an alias.

use bytes::Bytes;

use crate::Encoded;
use crate::codec::{self, Delta, Stored, Value};
use crate::db::handed::Handed;
use crate::db::hot::{Content, Draft, Held, HotValue, MIN_BYTES};
use crate::db::place::At;
use crate::db::to_store::{ToStore, again, alias, whole_draft, wide};
use crate::db::written::Own;
use crate::db::{Db, DbError};
use crate::delta::{
    Choice, DELTA_OVERHEAD, Op, SOURCE_OVERHEAD, Tip, Weight, diff, encoded_len, grown,
    grown_behind, sources_of, total_len, used_sources,
};
use crate::encoded_list::{ListForm, concatenate, head};

/// A shorter value is stored whole: what an alias or a delta saves is not worth the way to another record.
pub(super) const SMALL: usize = 64;
/// A value is compared with one that is at most so many times as long, and so many bytes: a longer one costs more to read than
/// it can save.
const LONGER: u64 = 16;
const LONGER_BYTES: u64 = 64 << 10;

/// Stores the values of one checkpoint.
pub(super) struct Storing<'s> {
    db: &'s Db,
    /// What may be copied from.
    sources: &'s [(At, Encoded)],
    slices: Vec<&'s [u8]>,
    own: Own,
    /// The number that the value gets which is stored now.
    number: u32,
}

impl<'s> Storing<'s> {
    pub(super) fn new(db: &'s Db, sources: &'s [(At, Encoded)]) -> Self {
        Self {
            db,
            slices: sources.iter().map(|(_, value)| &**value.bytes()).collect(),
            sources,
            own: Own::default(),
            number: 0,
        }
    }

    /// A value of a channel of which the parent has `parent`, which gets this number. Nothing if that is no list to append to.
    pub(super) fn store(
        &mut self,
        value: Handed,
        parent: Option<Held>,
        number: u32,
    ) -> Result<Option<ToStore>, DbError> {
        self.number = number;
        match value {
            Handed::Whole(value) => Ok(Some(self.whole(value, parent))),
            Handed::Appended(elements) => self.appended(&elements, parent),
        }
    }

    fn whole(&mut self, value: Encoded, parent: Option<Held>) -> ToStore {
        if value.bytes().len() < SMALL {
            return ToStore::whole(value, replaced(parent.as_ref()), None);
        }
        if let Some(of) = self.equal_source(&value) {
            return ToStore::as_older(&value, of);
        }
        // Of a value that cannot be read nothing can be copied, and that is all that it is needed for here.
        let base = parent.and_then(|parent| self.base(parent, &value).ok().flatten());
        match base {
            Some((base, bytes)) => self.on_base(value, base, &bytes),
            None => self.alone(value, None),
        }
    }

    /// A value without a base.
    fn alone(&mut self, value: Encoded, replaced: Option<At>) -> ToStore {
        let content = Content::of(value.bytes());
        if let Some(content) = content {
            if let Some(shared) = self.equal(content, &value) {
                return shared;
            }
            self.own.note(content, self.number, &value);
        }
        ToStore::whole(value, replaced, content)
    }

    /// A large value as one that is stored, if there is one.
    fn equal(&self, content: Content, value: &Encoded) -> Option<ToStore> {
        if let Some(again) = self.own.equal(content, value) {
            return Some(ToStore {
                stored: Own::alias(again, value),
                draft: whole_draft(value, None),
                bytes: None,
                content: None,
                again: Some(again),
            });
        }
        let at = self.db.equal(content, value)?;
        Some(ToStore::as_older(value, at))
    }

    fn on_base(&mut self, value: Encoded, base: HotValue, bytes: &Encoded) -> ToStore {
        if bytes == &value {
            return ToStore {
                stored: alias(base.at, base.tip.weight()),
                draft: again(base),
                bytes: None,
                content: None,
                again: None,
            };
        }
        let ops = diff(bytes.bytes(), value.bytes(), &self.slices);
        let length = wide(value.bytes().len());
        let before = (base.at, base.run_base);
        let (choice, tip) = base.tip.next(length, ops.as_deref(), &self.slices);
        let ops = ops.unwrap_or_default();
        // What is new in it may be all of a value that another channel or thread has.
        if encoded_len(&ops) >= wide(MIN_BYTES)
            && let Some(shared) = Content::of(value.bytes()).and_then(|of| self.equal(of, &value))
        {
            return shared;
        }
        match self.delta(choice, ops, &tip, before) {
            None => self.alone(value, Some(before.0)),
            Some((stored, run_base)) => ToStore {
                stored,
                draft: Draft {
                    at: None,
                    tag: value.tag_of().clone(),
                    run_base,
                    tip,
                    list: ListForm::of(&value),
                },
                bytes: Some((value, Some(before.0))),
                content: None,
                again: None,
            },
        }
    }

    fn appended(
        &mut self,
        elements: &[Encoded],
        parent: Option<Held>,
    ) -> Result<Option<ToStore>, DbError> {
        let base = match parent {
            Some(parent) => self.loaded(parent)?,
            None => None,
        };
        let Some(base) = base else {
            return Ok(None);
        };
        let weight = base.tip.weight();
        let is_taken = |form: &ListForm| elements.iter().all(|of| form.takes(of.tag()));
        let form = base.list.filter(is_taken).filter(|_| !elements.is_empty());
        let Some((form, longer)) = form.and_then(|form| Some((form, form.with(elements.len())?)))
        else {
            return self.rewritten(elements, base);
        };
        let texts: Vec<Bytes> = elements.iter().map(|e| e.bytes().clone()).collect();
        let ops = match (form, longer) {
            (ListForm::Counted(before), ListForm::Counted(count)) => {
                let head_len = wide(head(before).len());
                grown_behind(weight.length, head_len, &head(count), &texts, &self.slices)
            }
            _ => {
                let is_empty = form == ListForm::Empty;
                grown(weight.length, is_empty, &texts, &self.slices)
            }
        };
        let length = total_len(&ops);
        let used = sources_of(&ops).len();
        let sources = SOURCE_OVERHEAD.saturating_mul(u64::try_from(used).unwrap_or(u64::MAX));
        if encoded_len(&ops) + DELTA_OVERHEAD + sources >= length {
            return self.rewritten(elements, base);
        }
        let before = (base.at, base.run_base);
        let (choice, tip) = base.tip.next(length, Some(&ops), &self.slices);
        let Some((stored, run_base)) = self.delta(choice, ops, &tip, before) else {
            let list = self.read(before.0)?;
            let whole = concatenate(&list, elements);
            return Ok(whole.map(|whole| self.alone(whole, Some(before.0))));
        };
        Ok(Some(ToStore {
            stored,
            draft: Draft {
                at: None,
                tag: base.tag,
                run_base,
                tip,
                list: Some(longer),
            },
            bytes: None,
            content: None,
            again: None,
        }))
    }

    /// A list that has to be read to be made longer.
    fn rewritten(
        &mut self,
        elements: &[Encoded],
        base: HotValue,
    ) -> Result<Option<ToStore>, DbError> {
        let list = self.read(base.at)?;
        let Some(whole) = concatenate(&list, elements) else {
            return Ok(None);
        };
        Ok(Some(if whole.bytes().len() < SMALL {
            ToStore::whole(whole, Some(base.at), None)
        } else {
            self.on_base(whole, base, &list)
        }))
    }

    /// The delta that was chosen, and where its run began if that is not at itself. Nothing if the value is to be stored whole.
    fn delta(
        &self,
        choice: Choice,
        mut ops: Vec<Op>,
        tip: &Tip,
        (parent, run_base): (At, At),
    ) -> Option<(Stored, Option<At>)> {
        let (base, sources) = match choice {
            Choice::Whole => return None,
            Choice::OnParent => (parent, self.used(&mut ops)),
            Choice::OnRunBase(on_run_base) => {
                ops = on_run_base;
                (run_base, Vec::new())
            }
        };
        let delta = Value::Delta(Delta {
            base: base.named(),
            weight: tip.weight(),
            sources,
            ops,
        });
        Some((delta, (!tip.begins_run()).then_some(run_base)))
    }

    /// The sources that are used, which get new numbers.
    fn used(&self, ops: &mut [Op]) -> Vec<codec::Place> {
        let used = used_sources(ops).into_iter().filter_map(|number| {
            let number = usize::try_from(number).ok()?;
            self.sources.get(number).map(|(at, _)| at.named())
        });
        used.collect()
    }

    fn equal_source(&self, value: &Encoded) -> Option<At> {
        let mut sources = self.sources.iter();
        let equal = sources.find(|(_, source)| source == value);
        equal.map(|(at, _)| *at)
    }

    /// The parent's value as a base for `value`, with its bytes, if it can be had at once and is worth reading.
    fn base(
        &mut self,
        parent: Held,
        value: &Encoded,
    ) -> Result<Option<(HotValue, Encoded)>, DbError> {
        let is_too_long =
            |length: u64| length > wide(value.bytes().len()).saturating_mul(LONGER) + LONGER_BYTES;
        match parent {
            Held::Nothing => Ok(None),
            Held::Hot(base) => {
                if base.tag != *value.tag_of() || is_too_long(base.tip.weight().length) {
                    return Ok(None);
                }
                let bytes = self.db.at_hand(base.at)?;
                Ok(bytes.map(|bytes| (*base, bytes)))
            }
            Held::Cold(at) => {
                let (at, weight) = self.db.reader().resolved(at)?;
                if is_too_long(weight.length) {
                    return Ok(None);
                }
                let bytes = self
                    .db
                    .at_hand(at)?
                    .filter(|bytes| bytes.tag() == value.tag());
                Ok(bytes.map(|bytes| (cold(at, weight, &bytes), bytes)))
            }
        }
    }

    /// The parent's value, whatever it takes to know it.
    fn loaded(&mut self, parent: Held) -> Result<Option<HotValue>, DbError> {
        match parent {
            Held::Nothing => Ok(None),
            Held::Hot(value) => Ok(Some(*value)),
            Held::Cold(at) => {
                let (at, weight) = self.db.reader().resolved(at)?;
                Ok(Some(cold(at, weight, &self.read(at)?)))
            }
        }
    }

    /// The value there, once its frame is written.
    fn read(&self, at: At) -> Result<Encoded, DbError> {
        match self.db.at_hand(at)? {
            Some(value) => Ok(value),
            None => {
                self.db.with_log(|log| Ok(log.wait()?))?;
                self.db.reader().value(at)
            }
        }
    }
}

/// A value of which no more is known than its bytes.
fn cold(at: At, weight: Weight, bytes: &Encoded) -> HotValue {
    HotValue {
        at,
        tag: bytes.tag_of().clone(),
        tip: Tip::new(weight),
        run_base: at,
        list: ListForm::of(bytes),
    }
}

/// Where the bytes are that are needed no more once there is a new value.
fn replaced(parent: Option<&Held>) -> Option<At> {
    match parent {
        Some(Held::Hot(value)) => Some(value.at),
        _ => None,
    }
}
