//! [`Index`]: the state machine that records are applied to.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::codec::Record;
use crate::index::changes::Changes;
use crate::index::item_history::HistoryRules;
use crate::index::known_latest::KnownLatest;
use crate::index::names::Names;
use crate::index::reclaim::reclaim;
use crate::index::row::{Life, ThreadRow};
use crate::index::vector_table::{VectorTable, Vectors};
use crate::index::{
    Key, Origin, Row, Rows, Tables, TablesError, Unapplied, checkpoints, copying, deletion,
    item_history, items, policies, pruning, remnants, tags, threads, writes,
};
use crate::item_vectors::ItemVectors;

/// Both memories, as the log tells them. `T` is where its rows are.
#[derive(Debug)]
pub(crate) struct Index<H, T> {
    tables: T,
    /// The row of the thread that was put to last, while it is not among the rows yet.
    held: Option<HeldThread>,
    names: Names,
    /// Whether branches may be dropped whose rows are there yet.
    reclaims: bool,
    /// Records below this LSN were all taken when they were written, or are gone.
    sure_below: u64,
    /// Of which items it is kept what they were, if that was looked up.
    history: Option<HistoryRules>,
    /// How many bytes of records have died.
    died: u64,
    vectors: Vectors,
    latest: KnownLatest<H>,
    handles: PhantomData<fn() -> H>,
}

/// What a put changes, and what the thread's life is after it, if that is another.
pub(super) type Put<H> = Result<(Changes<H>, Option<Life>), Unapplied>;

/// Whose checkpoints a record may change.
enum Touched<'r> {
    /// Those of this thread, to which something is put.
    Thread(&'r str),
    /// Nobody's: it is about items.
    Nothing,
    Anything,
}

fn touched<V>(record: &Record<V>) -> Touched<'_> {
    match record {
        Record::CheckpointPut(put) => Touched::Thread(&put.thread),
        Record::WritesPut(put) => Touched::Thread(&put.thread),
        Record::ItemPut(_)
        | Record::ItemDeleted(_)
        | Record::ItemTouched(_)
        | Record::ItemExpired(_)
        | Record::ItemHistorySet(_) => Touched::Nothing,
        Record::ThreadDeleted(_)
        | Record::ThreadCopied(_)
        | Record::CheckpointsPruned(_)
        | Record::TagSet(_)
        | Record::TagRemoved(_)
        | Record::Remnant(_)
        | Record::ThreadPolicySet(_) => Touched::Anything,
    }
}

/// The row of a thread that is put to.
#[derive(Debug)]
struct HeldThread {
    name: Arc<str>,
    row: Arc<ThreadRow>,
    is_changed: bool,
}

impl HeldThread {
    fn live(&mut self, life: Life) {
        self.is_changed = true;
        match Arc::get_mut(&mut self.row) {
            Some(row) => row.life = Some(life),
            // It is that of the tables.
            None => self.row = Arc::new(self.row.living(life)),
        }
    }
}

/// The rows of an index, to be read.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot<H, T> {
    pub(super) tables: T,
    handles: PhantomData<fn() -> H>,
}

impl<H, T: Default> Default for Index<H, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<H, T> Index<H, T> {
    pub(crate) fn new(tables: T) -> Self {
        Self {
            tables,
            held: None,
            names: Names::default(),
            reclaims: true,
            sure_below: 0,
            history: None,
            died: 0,
            vectors: Vectors::default(),
            latest: KnownLatest::default(),
            handles: PhantomData,
        }
    }
}

impl<H: Clone, T: Tables<Key, Row<H>>> Index<H, T> {
    /// Applies a record, or changes nothing.
    pub(crate) fn apply(&mut self, record: Record<H>, origin: Origin) -> Result<(), Unapplied> {
        let applied = self.apply_next(&record, origin, H::clone);
        self.settle();
        applied
    }

    /// The same, with the handles that `handle` makes of the record's values. But the rows do not say it all until they are
    /// [settled](Self::settle): a step puts to its thread several times, and the thread's row is changed once for that.
    pub(crate) fn apply_next<V>(
        &mut self,
        record: &Record<V>,
        origin: Origin,
        handle: impl FnMut(&V) -> H,
    ) -> Result<(), Unapplied> {
        let at_hand = match record {
            Record::ItemPut(put) => put.ranked.at_hand.as_ref(),
            _ => None,
        };
        let sure = origin.lsn < self.sure_below;
        match touched(record) {
            Touched::Thread(thread) => self.latest.changed(thread),
            touched => {
                self.settle();
                if let Touched::Anything = touched {
                    self.latest.all_changed();
                }
            }
        }
        let of_item = matches!(
            record,
            Record::ItemPut(_) | Record::ItemDeleted(_) | Record::ItemExpired(_)
        );
        let (tables, history) = (&self.tables, &mut self.history);
        let mut changes: Changes<H> = match record {
            Record::CheckpointPut(put) => {
                let thread = self.thread(&put.thread)?;
                let (tables, names) = (&self.tables, &mut self.names);
                let done =
                    checkpoints::put(tables, names, &thread.row, (put, origin), sure, handle);
                return self.put_to(thread, done);
            }
            Record::WritesPut(put) => {
                let thread = self.thread(&put.thread)?;
                let (tables, names) = (&self.tables, &mut self.names);
                let done = writes::put(tables, names, &thread.row, (put, origin), sure, handle);
                return self.put_to(thread, done);
            }
            Record::ItemPut(put) => {
                let history = HistoryRules::known(history, tables)?;
                items::put(tables, history, (put, origin), handle)?
            }
            Record::ItemDeleted(deleted) => {
                let history = HistoryRules::known(history, tables)?;
                items::delete(tables, history, deleted, origin)?
            }
            Record::ItemTouched(touched) => items::touch(tables, touched, origin)?,
            Record::ItemExpired(expired) => {
                let history = HistoryRules::known(history, tables)?;
                items::expire(tables, history, expired, origin, sure)?
            }
            Record::ItemHistorySet(set) => {
                *history = None;
                item_history::set(tables, set, origin)?
            }
            Record::ThreadDeleted(deleted) => deletion::delete(tables, deleted)?,
            Record::ThreadCopied(copied) => copying::copy(tables, copied, origin, sure)?,
            Record::CheckpointsPruned(pruned) => pruning::prune(tables, pruned, origin, sure)?,
            Record::TagSet(set) => tags::set(tables, set, origin, sure)?,
            Record::TagRemoved(removed) => tags::remove(tables, removed, origin)?,
            Record::Remnant(remnant) => remnants::apply(tables, remnant, origin)?,
            Record::ThreadPolicySet(set) => policies::set(tables, set, origin)?,
        };
        if of_item && history.as_ref().is_some_and(HistoryRules::is_empty) {
            item_history::begin(&mut changes);
            *history = None;
        }
        self.make(changes, at_hand)?;
        Ok(())
    }

    /// Has the rows say all that was applied.
    pub(crate) fn settle(&mut self) {
        if let Some(held) = self.held.take().filter(|held| held.is_changed) {
            self.tables
                .put(Key::Thread(held.name), Row::Thread(held.row));
        }
    }

    /// A thread that is put to.
    fn thread(&mut self, name: &str) -> Result<HeldThread, TablesError> {
        if let Some(held) = self.held.take_if(|held| *held.name == *name) {
            return Ok(held);
        }
        self.settle();
        let name: Arc<str> = name.into();
        let row = threads::row(&self.tables, &Key::Thread(Arc::clone(&name)))?;
        let is_changed = false;
        Ok(HeldThread {
            name,
            row,
            is_changed,
        })
    }

    /// Makes the changes of a put, and has the thread live on as they say.
    fn put_to(&mut self, mut thread: HeldThread, put: Put<H>) -> Result<(), Unapplied> {
        let made = put.and_then(|(changes, life)| {
            self.make(changes, None)?;
            if let Some(life) = life {
                thread.live(life);
            }
            Ok(())
        });
        self.held = Some(thread);
        made
    }

    /// Removes up to about `limit` rows that belong to no thread any more, and tells how many; 0 if there are none.
    pub(crate) fn reclaim(&mut self, limit: usize) -> Result<usize, TablesError> {
        if !self.reclaims {
            return Ok(0);
        }
        let changes = reclaim(&self.tables, limit)?;
        let rows = changes.len();
        self.reclaims = rows > 0 || limit == 0;
        self.make(changes, None)?;
        Ok(rows)
    }

    fn make(
        &mut self,
        changes: Changes<H>,
        at_hand: Option<&Arc<ItemVectors>>,
    ) -> Result<(), TablesError> {
        let died = changes.dead_bytes();
        let changes = changes.account(&self.tables)?;
        self.vectors.follow(&changes, at_hand);
        self.reclaims |= changes.drops();
        changes.make(&mut self.tables);
        self.died = self.died.saturating_add(died);
        Ok(())
    }
}

impl<H, T> Index<H, T> {
    /// Takes records below this LSN as they come: none of those that are left was refused when it was written, and what would
    /// show that may be gone.
    pub(crate) fn be_sure_below(&mut self, lsn: u64) {
        self.sure_below = lsn;
    }

    /// The latest checkpoints that are known.
    pub(crate) fn latest(&self) -> &KnownLatest<H> {
        &self.latest
    }

    /// The vectors of all items, if they are known.
    pub(crate) fn vectors(&self) -> Option<&VectorTable> {
        self.vectors.table()
    }

    /// From now on the vectors of items are being made known: those that there are now are handed over later.
    pub(crate) fn begin_vectors(&mut self) {
        self.vectors.begin();
    }

    /// The vectors of items are `then` as it was begun. Whether they are all known now.
    pub(crate) fn finish_vectors(&mut self, then: VectorTable) -> bool {
        self.vectors.finish(then)
    }

    /// The vectors of items are not asked for any more.
    pub(crate) fn forget_vectors(&mut self) {
        self.vectors.forget();
    }

    /// How many bytes of records have died since it was made, those that were replayed included.
    pub(crate) fn died(&self) -> u64 {
        self.died
    }

    /// Where its rows are.
    pub(crate) fn tables(&self) -> &T {
        &self.tables
    }

    /// Where its rows are.
    pub(crate) fn tables_mut(&mut self) -> &mut T {
        &mut self.tables
    }
}

impl<H, T: Rows<Key, Row<H>> + Clone> Index<H, T> {
    /// The rows as they are now.
    pub(crate) fn snapshot(&self) -> Snapshot<H, T> {
        Snapshot::new(self.tables.clone())
    }
}

impl<H, T> Snapshot<H, T> {
    pub(crate) fn new(tables: T) -> Self {
        Self {
            tables,
            handles: PhantomData,
        }
    }

    pub(super) fn tables(&self) -> &T {
        &self.tables
    }
}
