//! [`Answers`]: puts every value together, and compares what the index answers with what the log alone says.
//!
//! Answers are compared and not rows: how the rows are arranged depends on when the log was compacted, and what has not
//! been reclaimed yet.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::finding::{Finding, FindingKind, Findings};
use super::same::{is_same, is_same_item};
use super::{Tell, VerifyProgress, VerifyReport, VerifyStage};
use crate::db::view::DbSnapshot;
use crate::db::{Db, DbError, Place, Reader};
use crate::index::{
    Found, Held, Key, MemTables, PastItem, Row, Selection, Snapshot, TablesError, Thread,
};
use crate::log::LogError;

/// So many values that were put together are remembered.
const REMEMBERED: usize = 1 << 18;
/// The progress is told after this many checkpoints and items.
const STEP: u64 = 256;

type Replayed = Snapshot<Place, MemTables<Key, Row<Place>>>;

/// Checks what an index answers.
pub(super) struct Answers<'a, 't> {
    pub(super) db: &'a Db,
    pub(super) live: DbSnapshot,
    /// To compare with.
    pub(super) replayed: Option<&'a Replayed>,
    pub(super) report: &'a mut VerifyReport,
    pub(super) values: &'a mut Findings,
    pub(super) index: &'a mut Findings,
    pub(super) tell: &'a mut Tell<'t>,
}

/// Which values were put together.
struct Checked {
    reader: Reader,
    places: HashSet<(u64, u32)>,
}

impl Answers<'_, '_> {
    pub(super) fn check(mut self) -> Result<(), DbError> {
        let mut checked = Checked {
            reader: self.db.reader(),
            places: HashSet::new(),
        };
        let walked = self
            .threads(&mut checked)
            .and_then(|()| match self.report.stopped {
                true => Ok(()),
                false => self.items(&mut checked),
            });
        match walked {
            Err(Failed::Tables(error @ TablesError::Superseded { .. })) => Err(error.into()),
            Err(Failed::Tables(error)) => {
                // It is wrong whatever it is compared with.
                self.values.add(Finding::new(FindingKind::Index, error));
                Ok(())
            }
            Err(Failed::Db(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    fn threads(&mut self, checked: &mut Checked) -> Result<(), Failed> {
        let counts = self.live.counts()?;
        let of = counts.checkpoints.saturating_add(counts.items);
        let mut live = self.live.next_thread(None)?;
        let mut other = self.next_replayed(None)?;
        loop {
            let order = match (&live, &other) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(live), Some(other)) => live.name.cmp(&other.name),
            };
            if let (Some(thread), Ordering::Less) = (&live, order)
                && self.replayed.is_some()
            {
                self.differs("the index has a thread that the log does not have", thread);
            }
            if let (Some(thread), Ordering::Greater) = (&other, order) {
                self.differs("the index lacks a thread", thread);
            }
            if let (Some(thread), true) = (&live, order != Ordering::Greater) {
                if let (Some(other), Ordering::Equal) = (&other, order) {
                    self.compare_threads(thread, other)?;
                }
                self.checkpoints(&thread.name, order == Ordering::Equal, of, checked)?;
                if self.report.stopped {
                    return Ok(());
                }
            }
            if let (Some(thread), true) = (&live, order != Ordering::Greater) {
                live = self.live.next_thread(Some(&thread.name))?;
            }
            if let (Some(thread), true) = (&other, order != Ordering::Less) {
                other = self.next_replayed(Some(&thread.name))?;
            }
        }
    }

    fn next_replayed(&self, after: Option<&str>) -> Result<Option<Thread>, TablesError> {
        match self.replayed {
            Some(replayed) => replayed.next_thread(after),
            None => Ok(None),
        }
    }

    fn differs(&mut self, what: &str, thread: &Thread) {
        let finding = Finding::new(FindingKind::Index, what);
        self.index.add(finding.in_thread(&thread.name));
    }

    fn compare_threads(&mut self, live: &Thread, other: &Thread) -> Result<(), Failed> {
        let told = |thread: &Thread| {
            let life = &thread.life;
            (
                life.created_at,
                life.updated_at,
                life.checkpoints,
                life.policy,
            )
        };
        if told(live) != told(other) {
            self.differs(
                "the index has other times, another policy or another number of checkpoints",
                live,
            );
        }
        if let Some(replayed) = self.replayed
            && self.live.tags(&live.name)? != replayed.tags(&live.name)?
        {
            self.differs("the index has other tags", live);
        }
        Ok(())
    }

    fn checkpoints(
        &mut self,
        thread: &str,
        is_compared: bool,
        of: u64,
        checked: &mut Checked,
    ) -> Result<(), Failed> {
        let selection = Selection {
            thread: Some(thread),
            namespace: None,
            before: None,
        };
        let mut live = self.live.clone().list(&selection)?;
        let mut others = match self.replayed.filter(|_| is_compared) {
            Some(replayed) => Some(replayed.clone().list(&selection)?),
            None => None,
        };
        loop {
            let found = live.next(true, |_| true)?;
            if let Some(list) = &mut others {
                let other = list.next(true, |_| true)?;
                if !is_same(found.as_ref(), other.as_ref()) {
                    let at = found.as_ref().or(other.as_ref());
                    let what = "the index has another checkpoint here than the log";
                    let finding = Finding::new(FindingKind::Index, what);
                    self.index.add(match at {
                        Some(at) => finding.at(thread, &at.namespace, &at.id),
                        None => finding.in_thread(thread),
                    });
                    // What follows is shifted.
                    others = None;
                }
            }
            let Some(found) = found else {
                return Ok(());
            };
            self.report.checkpoints += 1;
            self.checkpoint_values(&found, checked)?;
            if self.stops(of) {
                return Ok(());
            }
        }
    }

    fn stops(&mut self, of: u64) -> bool {
        let done = self.report.checkpoints + self.report.items;
        if done.is_multiple_of(STEP) {
            let progress = VerifyProgress {
                stage: VerifyStage::Values,
                done,
                of,
            };
            self.report.stopped = (self.tell)(progress) == ControlFlow::Break(());
        }
        self.report.stopped
    }

    fn checkpoint_values(
        &mut self,
        found: &Found<Place>,
        checked: &mut Checked,
    ) -> Result<(), Failed> {
        let channels = found.entry.channels().iter();
        let values = channels.filter_map(|channel| match &channel.held {
            Held::Value(place) => Some((Part::Channel(&channel.name), place)),
            Held::Nothing | Held::Unknown => None,
        });
        let writes = found.writes.iter().flat_map(|(task, writes)| {
            let writes = writes.writes.iter();
            writes.map(move |write| (Part::Write(task, &write.channel), &write.value))
        });
        for (part, place) in values.chain(writes) {
            let Err(error) = checked.value(place, self.report) else {
                continue;
            };
            let snapshot = self.db.snapshot();
            let now = snapshot.entry(&found.thread, &found.namespace, &found.id)?;
            if self.is_compacted_away(&error) {
                continue;
            }
            if is_gone(
                &error,
                now.map(|entry| entry.origin.lsn),
                found.entry.origin.lsn,
            )? {
                continue;
            }
            let mut finding = Finding::of(FindingKind::Value, &error);
            finding.what = format!("{part}: {}", finding.what);
            let finding = finding.at(&found.thread, &found.namespace, &found.id);
            self.values.add(finding);
        }
        Ok(())
    }

    /// Whether a value may be missing because somebody else has compacted what was opened here: its record is gone, or only what must be
    /// left of it is there. Takes note of that.
    fn is_compacted_away(&mut self, error: &DbError) -> bool {
        let is_missing = matches!(
            error,
            DbError::Log(LogError::Dropped { .. })
                | DbError::UnreadableRecord { .. }
                | DbError::UnreadableValue { .. }
        );
        let is_gone = is_missing && self.db.is_outdated();
        self.report.outdated |= is_gone;
        is_gone
    }

    fn items(&mut self, checked: &mut Checked) -> Result<(), Failed> {
        let items = self.live.items_below(&[])?;
        let of = self.report.checkpoints + u64::try_from(items.len()).unwrap_or(u64::MAX);
        let others = match self.replayed {
            Some(replayed) => Some(replayed.items_below(&[])?),
            None => None,
        };
        if let Some(others) = others {
            let same = items
                .iter()
                .zip(&others)
                .filter(|(a, b)| is_same_item(a, b));
            let same = same.count();
            if same != items.len().max(others.len()) {
                let what = "the index has other items of the store than the log";
                self.index.add(Finding::new(FindingKind::Index, what));
            }
        }
        let past = self.live.past_items()?;
        if let Some(replayed) = self.replayed {
            let others = replayed.past_items()?;
            let is_same = |(a, b): &(&Arc<PastItem<Place>>, &Arc<PastItem<Place>>)| {
                (a.ended, a.ended_at, a.was_removed) == (b.ended, b.ended_at, b.was_removed)
                    && is_same_item(&a.item, &b.item)
            };
            let same = past.iter().zip(&others).filter(is_same).count();
            if same != past.len().max(others.len()) {
                let what = "the index has another history of items than the log";
                self.index.add(Finding::new(FindingKind::Index, what));
            }
        }
        let past = (past.into_iter()).map(|past| (Arc::clone(&past.item), Some(past.ended)));
        let items = items.into_iter().map(|item| (item, None));
        for (item, ended) in items.chain(past) {
            self.report.items += u64::from(ended.is_none());
            let value = checked.value(&item.value, self.report);
            let vectors = item.vectors.as_ref();
            let all = value.and_then(|()| match vectors {
                Some(vectors) => checked.value(vectors, self.report),
                None => Ok(()),
            });
            if let Err(error) = all
                && !self.is_compacted_away(&error)
            {
                let now = match ended {
                    Some(_) => None,
                    None => self.db.snapshot().item(&item.namespace, &item.key)?,
                };
                if !is_gone(&error, now.map(|item| item.origin.lsn), item.origin.lsn)? {
                    let mut finding = Finding::of(FindingKind::Value, &error);
                    let was = ended.map_or_else(String::new, |ended| {
                        format!(" as it was until record {ended}")
                    });
                    finding.what = format!(
                        "item `{}` in namespace {:?}{was}: {}",
                        item.key, item.namespace, finding.what
                    );
                    self.values.add(finding);
                }
            }
            if self.stops(of) {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Checked {
    /// Puts a value together, unless that was done lately.
    fn value(&mut self, place: &Place, report: &mut VerifyReport) -> Result<(), DbError> {
        let key = (place.lsn().get(), place.value);
        if self.places.contains(&key) {
            return Ok(());
        }
        self.reader.checked(place.into())?;
        report.values += 1;
        if self.places.len() >= REMEMBERED {
            self.places.clear();
        }
        self.places.insert(key);
        Ok(())
    }
}

/// Whether a value cannot be read because what held it was removed after the verification began. A failure
/// of the file system ends it all.
fn is_gone(error: &DbError, now: Option<u64>, then: u64) -> Result<bool, Failed> {
    match error {
        DbError::Closed { .. } | DbError::Log(LogError::Io { .. }) => {
            Err(Failed::Db(error.clone()))
        }
        DbError::Log(LogError::Dropped { .. }) => Ok(now != Some(then)),
        _ => Ok(false),
    }
}

/// A part of a checkpoint that has a value.
enum Part<'a> {
    Channel(&'a str),
    /// What a task wrote to a channel.
    Write(&'a str, &'a str),
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => write!(f, "channel `{channel}`"),
            Self::Write(task, channel) => write!(f, "write of task `{task}` to `{channel}`"),
        }
    }
}

/// Why not everything could be looked at.
enum Failed {
    Tables(TablesError),
    Db(DbError),
}

impl From<TablesError> for Failed {
    fn from(error: TablesError) -> Self {
        Self::Tables(error)
    }
}
