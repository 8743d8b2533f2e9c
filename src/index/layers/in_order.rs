//! Changes are put into the file's table, in the order of their keys.
//!
//! Rows that come to lie next to each other, as those of a thread that goes on, are put through a cursor, which packs them into full
//! pages and does not look for the place of each. It must never know what keys and rows mean.

use std::iter::Peekable;
use std::ops::Bound;

use redb::{CursorError, Table};

/// So many new rows after each other are put one by one before it is tried whether others lie right behind them: to try costs as much
/// as to put a row.
const SINGLES: u32 = 2;
/// ... and at most so many where there were none.
const SINGLES_MAX: u32 = 256;

/// The table of all rows.
type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// A key, and its row if there is to be one.
type Change = (Vec<u8>, Option<Vec<u8>>);

/// Makes changes, which are in the order of their keys.
pub(super) fn put_in_order(
    rows: &mut Rows<'_>,
    changes: impl Iterator<Item = Change>,
) -> Result<(), redb::Error> {
    let mut changes = changes.peekable();
    let (mut new, mut singles) = (0, SINGLES);
    while let Some((key, row)) = changes.next() {
        let Some(row) = row else {
            drop(rows.remove(&*key)?);
            new = 0;
            continue;
        };
        let is_new = rows.insert(&*key, &*row)?.is_none();
        new = if is_new { new + 1 } else { 0 };
        if new >= singles {
            new = 0;
            singles = match put_behind(rows, &key, &mut changes)? {
                0 => (2 * singles).min(SINGLES_MAX),
                _ => SINGLES,
            };
        }
    }
    Ok(())
}

/// Makes the next changes as long as these are new rows between the one with `key` and that behind it. How many were.
fn put_behind(
    rows: &mut Rows<'_>,
    key: &[u8],
    changes: &mut Peekable<impl Iterator<Item = Change>>,
) -> Result<u32, redb::Error> {
    let mut gap = rows.lower_bound_mut(Bound::Excluded(key))?;
    let mut put = 0;
    while let Some((key, Some(row))) = changes.peek() {
        match gap.insert_before(&**key, &**row) {
            Ok(()) => {}
            Err(CursorError::UnorderedKey) => break,
            Err(error) => return Err(error.into()),
        }
        put += 1;
        changes.next();
    }
    gap.close()?;
    Ok(put)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;
    use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

    use super::*;

    const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

    type Model = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

    fn empty() -> Database {
        let memory = InMemoryBackend::new();
        Database::builder().create_with_backend(memory).unwrap()
    }

    fn put(database: &Database, changes: &Model) {
        let write = database.begin_write().unwrap();
        let mut rows = write.open_table(ROWS).unwrap();
        put_in_order(&mut rows, changes.clone().into_iter()).unwrap();
        drop(rows);
        write.commit().unwrap();
    }

    fn all(database: &Database) -> Vec<(Vec<u8>, Vec<u8>)> {
        let read = database.begin_read().unwrap();
        let rows = read.open_table(ROWS).unwrap();
        let rows = rows.iter().unwrap().map(Result::unwrap);
        rows.map(|(key, row)| (key.value().to_vec(), row.value().to_vec()))
            .collect()
    }

    /// Runs of keys with a few of them missing, to be put or to be removed.
    fn changes() -> impl Strategy<Value = Model> {
        let run = (0_u16..500, 0_u16..200, 1_u16..4, 0_usize..300, 0_u8..8);
        let runs = proptest::collection::vec(run, 0..6);
        runs.prop_map(|runs| {
            let rows = runs
                .into_iter()
                .flat_map(|(from, count, step, length, removed)| {
                    (0..count).map(move |number| {
                        let key = from.saturating_add(number * step);
                        let row = (number % 8 >= u16::from(removed)).then(|| vec![1; length]);
                        (key.to_be_bytes().to_vec(), row)
                    })
                });
            rows.collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_table_is_what_a_map_would_be(all_changes in proptest::collection::vec(changes(), 1..6)) {
            let database = empty();
            let mut model = BTreeMap::new();
            for changes in all_changes {
                put(&database, &changes);
                for (key, row) in changes {
                    match row {
                        Some(row) => model.insert(key, row),
                        None => model.remove(&key),
                    };
                }
                prop_assert!(all(&database).into_iter().eq(model.clone()));
            }
        }
    }

    #[test]
    fn rows_of_several_threads_that_go_on_are_packed_into_full_pages() {
        let database = empty();
        for round in 0..20_u32 {
            let keys = (0..8_u32).flat_map(|thread| (0..50).map(move |n| (thread, round * 50 + n)));
            let changes = keys.map(|(thread, number)| {
                let key = [thread.to_be_bytes(), number.to_be_bytes()].concat();
                (key, Some(vec![7; 150]))
            });
            put(&database, &changes.collect());
        }
        let read = database.begin_read().unwrap();
        let stats = read.open_table(ROWS).unwrap().stats().unwrap();
        // Of 4 KiB each; put one by one they come to 13 in a page.
        let (rows, pages) = (8 * 1_000, stats.leaf_pages());
        assert!(rows / pages >= 20, "{rows} rows in {pages} pages");
    }
}
