//! Making the vectors of items known: what is kept of them in memory is filled when it is asked for first.

use crate::db::{Db, DbError, DbSnapshot};
use crate::index::{Known, VectorTable};
use crate::item_vectors::ItemVectors;

impl Db {
    /// The index as it is now, with the vectors of all items. The first call reads them all.
    pub(crate) fn snapshot_with_vectors(&self) -> Result<(DbSnapshot, VectorTable), DbError> {
        loop {
            let (rows, vectors) = self.indexed().view.snapshot_with_vectors();
            match vectors {
                Some(vectors) => return Ok((rows, vectors)),
                None => self.read_vectors()?,
            }
        }
    }

    fn read_vectors(&self) -> Result<(), DbError> {
        let _one = self.items().reading_vectors.lock();
        let view = &self.indexed().view;
        if view.snapshot_with_vectors().1.is_some() {
            return Ok(());
        }
        let mut reader = self.reader();
        let mut items = view.begin_vectors().items_below(&[])?;
        items.retain(|item| item.vectors.is_some());
        // In the order of the log.
        items.sort_unstable_by_key(|item| item.origin.lsn);
        let mut table = VectorTable::default();
        for item in items {
            let mut values = reader.values(&item.vectors)?;
            let value = values.pop();
            let vectors = value.and_then(|value| ItemVectors::decode(value.bytes()));
            let vectors = vectors.ok_or_else(|| DbError::UnreadableValue {
                what: format!("vectors of item `{}` in {:?}", item.key, item.namespace),
                reason: "they are in no form that is known".into(),
            })?;
            let known = Known {
                put: item.origin.lsn,
                vectors: vectors.into(),
            };
            table.insert((item.namespace.clone(), item.key.clone()), known);
        }
        // If they are not known yet, they are read again.
        let _ = view.finish_vectors(table);
        Ok(())
    }
}
