//! [`Thread`]: what is known of a thread as a whole.

use std::ops::Bound;
use std::sync::Arc;

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

    /// The greatest version 6 id of a thread's checkpoints, in whichever namespace.
    pub(crate) fn greatest_id(&self, thread: &str) -> Result<Option<Arc<str>>, TablesError> {
        Ok(life(self.tables(), thread)?.and_then(|life| life.greatest))
    }
}
