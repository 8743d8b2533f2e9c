//! SQLite: two tables in the manner of LangGraph's SqliteSaver, WAL, `synchronous` FULL or NORMAL, cached statements. One
//! connection that the writers share: with one each they would sleep when another one writes.

use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::Engine;
use crate::workload::{self, Step};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS checkpoints (
        thread TEXT NOT NULL, ns TEXT NOT NULL, id BLOB NOT NULL, value BLOB,
        PRIMARY KEY (thread, ns, id));
    CREATE TABLE IF NOT EXISTS writes (
        thread TEXT NOT NULL, ns TEXT NOT NULL, id BLOB NOT NULL, task BLOB NOT NULL, idx INTEGER NOT NULL, value BLOB,
        PRIMARY KEY (thread, ns, id, task, idx));";

pub(crate) struct Sqlite(Mutex<Connection>);

impl Sqlite {
    pub(crate) fn open(dir: &Path, synced: bool) -> Self {
        let connection = Connection::open(dir.join("db.sqlite")).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        let level = if synced { "FULL" } else { "NORMAL" };
        connection
            .pragma_update(None, "synchronous", level)
            .unwrap();
        connection.execute_batch(TABLES).unwrap();
        Self(Mutex::new(connection))
    }

    fn value(&self, select: &str, which: impl Params) -> Option<Bytes> {
        let connection = self.0.lock().unwrap();
        let mut statement = connection.prepare_cached(select).unwrap();
        let value: Option<Vec<u8>> = statement
            .query_row(which, |row| row.get(0))
            .optional()
            .unwrap();
        value.map(Bytes::from)
    }
}

impl Engine for Sqlite {
    fn append(&self, steps: &[Step<'_>]) {
        let connection = self.0.lock().unwrap();
        let run = |sql, with: &[&dyn rusqlite::ToSql]| {
            connection
                .prepare_cached(sql)
                .unwrap()
                .execute(with)
                .unwrap();
        };
        run("BEGIN IMMEDIATE", params![]);
        for step in steps {
            run(
                "INSERT OR REPLACE INTO checkpoints VALUES (?, '', ?, ?)",
                params![step.thread, step.id.as_bytes(), step.value],
            );
            for (index, value) in step.writes.iter().enumerate() {
                run(
                    "INSERT OR IGNORE INTO writes VALUES (?, '', ?, ?, ?, ?)",
                    params![
                        step.thread,
                        step.parent.as_bytes(),
                        step.task.as_bytes(),
                        index as i64,
                        value
                    ],
                );
            }
        }
        run("COMMIT", params![]);
    }

    fn latest(&self, thread: u64) -> Option<Bytes> {
        self.value(
            "SELECT value FROM checkpoints WHERE thread = ? AND ns = '' ORDER BY id DESC LIMIT 1",
            params![workload::thread(thread)],
        )
    }

    fn by_id(&self, thread: u64, number: u64) -> Option<Bytes> {
        self.value(
            "SELECT value FROM checkpoints WHERE thread = ? AND ns = '' AND id = ?",
            params![
                workload::thread(thread),
                workload::id(thread, number).into_bytes()
            ],
        )
    }

    fn close(self: Box<Self>) {
        // The last connection to go checkpoints the WAL and removes it.
        self.0.into_inner().unwrap().close().unwrap();
    }
}
