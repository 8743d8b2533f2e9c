//! [`Thread`]: what is known of a thread as a whole.

use std::ops::Bound;
use std::sync::Arc;

use crate::index::chain::Chain;
use crate::index::look_up::namespaces;
use crate::index::row::{Life, ThreadRow, wrong};
use crate::index::{Key, Row, Rows, Snapshot, TablesError};

/// A thread that has something.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) name: Arc<str>,
    pub(crate) life: Life,
}

/// The row of a thread; an empty one if there is none.
pub(super) fn row<H>(
    tables: &impl Rows<Key, Row<H>>,
    key: &Key,
) -> Result<Arc<ThreadRow>, TablesError> {
    tables
        .get(key)?
        .map_or_else(|| Ok(Arc::default()), Row::thread)
}

/// What a thread is now.
pub(super) fn life<H>(
    tables: &impl Rows<Key, Row<H>>,
    name: &str,
) -> Result<Option<Life>, TablesError> {
    Ok(row(tables, &Key::Thread(name.into()))?.life.clone())
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// A thread, if it has something.
    pub(crate) fn thread(&self, name: &str) -> Result<Option<Thread>, TablesError> {
        let name: Arc<str> = name.into();
        let row = row(self.tables(), &Key::Thread(Arc::clone(&name)))?;
        Ok(row.life.clone().map(|life| Thread { name, life }))
    }

    /// The first thread after `after` that has something, by name.
    pub(crate) fn next_thread(&self, after: Option<&str>) -> Result<Option<Thread>, TablesError> {
        match after {
            Some(name) => self.first_thread(Bound::Excluded(Key::Thread(name.into()))),
            None => self.thread_from(""),
        }
    }

    /// The first thread at or after `name` that has something.
    pub(crate) fn thread_from(&self, name: &str) -> Result<Option<Thread>, TablesError> {
        self.first_thread(Bound::Included(Key::Thread(name.into())))
    }

    /// Hands all threads that have something and whose name begins with `prefix` to `visit`, by name.
    pub(crate) fn each_thread(
        &self,
        prefix: &str,
        mut visit: impl FnMut(&Arc<str>, &Life),
    ) -> Result<(), TablesError> {
        let from = Key::Thread(prefix.into());
        let end = Key::Frozen(0);
        let mut outcome = Ok(());
        let bounds = (Bound::Included(&from), Bound::Excluded(&end));
        self.tables().scan(bounds.0, bounds.1, |key, row| {
            let (Key::Thread(name), Row::Thread(row)) = (key, row) else {
                outcome = Err(wrong());
                return false;
            };
            let is_inside = name.starts_with(prefix);
            if let (true, Some(life)) = (is_inside, &row.life) {
                visit(name, life);
            }
            is_inside
        })?;
        outcome
    }

    /// How many namespaces of a thread have checkpoints.
    pub(crate) fn count_namespaces(&self, thread: &Thread) -> Result<usize, TablesError> {
        let chain = Chain::of(self.tables(), &thread.life)?;
        Ok(namespaces(self.tables(), &chain)?.len())
    }

    fn first_thread(&self, mut after: Bound<Key>) -> Result<Option<Thread>, TablesError> {
        let end = Key::Frozen(0);
        loop {
            let next = self.tables().next(after.as_ref(), Bound::Excluded(&end))?;
            let Some((key, row)) = next else {
                return Ok(None);
            };
            if let Some(life) = row.thread()?.life.clone() {
                let Key::Thread(name) = key else {
                    return Err(wrong());
                };
                return Ok(Some(Thread { name, life }));
            }
            after = Bound::Excluded(key);
        }
    }

    /// What was made of a thread no later than this went with its last deletion.
    pub(crate) fn cutoff(&self, thread: &str) -> Result<Option<String>, TablesError> {
        let row = row(self.tables(), &Key::Thread(thread.into()))?;
        Ok(row.cutoff.as_deref().map(str::to_owned))
    }

    /// The greatest version 6 id of a thread's checkpoints, in whichever namespace.
    pub(crate) fn greatest_id(&self, thread: &str) -> Result<Option<Arc<str>>, TablesError> {
        Ok(life(self.tables(), thread)?.and_then(|life| life.greatest))
    }
}
