//! SQLite, with a table as LangGraph's `SqliteStore` has it and indexes made by hand for what is asked.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ToSql, params};
use serde_json::Value;

use crate::items::Items;
use crate::queries::Query;
use crate::report::Report;

pub(crate) struct Sqlite {
    db: Connection,
    prefix: String,
}

const SCHEMA: &str = "
    CREATE TABLE store (
        prefix TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, PRIMARY KEY (prefix, key)
    );
    CREATE INDEX by_group ON store (prefix, json_extract(value, '$.group'));
    CREATE INDEX by_n ON store (prefix, json_extract(value, '$.n'));
    CREATE INDEX by_kind ON store (prefix, json_extract(value, '$.kind'));
    CREATE INDEX by_age ON store (prefix, updated_at);
    CREATE INDEX by_age_of_all ON store (updated_at);
";
const PUT: &str = "
    INSERT INTO store VALUES (?1, ?2, ?3, ?4, ?4)
    ON CONFLICT (prefix, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
";

impl Sqlite {
    pub(crate) fn open(path: &Path, synced: bool) -> Self {
        let db = Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        let level = match synced {
            true => "FULL",
            false => "NORMAL",
        };
        db.pragma_update(None, "synchronous", level).unwrap();
        // As much as Stepwell keeps of its index in memory.
        db.pragma_update(None, "cache_size", -65_536).unwrap();
        db.execute_batch(SCHEMA).unwrap();
        Self {
            db,
            prefix: Items::new(1, false).namespace(0).join("."),
        }
    }

    pub(crate) fn load(path: &Path, items: &Items, report: &mut Report) -> Self {
        let mut this = Self::open(path, false);
        this.prefix = items.namespace(0).join(".");
        let start = Instant::now();
        this.put_all((0..items.count).map(|n| (n, 0)), items);
        report.note(format!(
            "SQLite: {} items put in {:.1} s, in transactions of 100 (NORMAL)",
            items.count,
            start.elapsed().as_secs_f64()
        ));
        this.db.execute_batch("ANALYZE").unwrap();
        this
    }

    pub(crate) fn put(&mut self, (n, version): &(u64, u64), items: &Items) {
        let value = serde_json::to_string(&Items::value(*n, *version)).unwrap();
        let prefix = items.namespace(*n).join(".");
        let mut put = self.db.prepare_cached(PUT).unwrap();
        put.execute(params![prefix, Items::key(*n), value, now()])
            .unwrap();
    }

    pub(crate) fn put_all(&mut self, puts: impl Iterator<Item = (u64, u64)>, items: &Items) {
        let mut puts = puts.peekable();
        while puts.peek().is_some() {
            self.db.execute_batch("BEGIN IMMEDIATE").unwrap();
            for put in puts.by_ref().take(100).collect::<Vec<_>>() {
                self.put(&put, items);
            }
            self.db.execute_batch("COMMIT").unwrap();
        }
    }

    pub(crate) fn ask(&self, query: &Query) -> usize {
        let prefix: &dyn ToSql = &self.prefix;
        match query {
            Query::Get(n) => self.found("key = ?2", &[prefix, &Items::key(*n)]),
            Query::Equal(field, value) => {
                let condition = format!("json_extract(value, '$.{field}') = ?2");
                self.found(&condition, &[prefix, &value.as_str()])
            }
            Query::Range(from, to) => {
                let condition =
                    "json_extract(value, '$.n') >= ?2 AND json_extract(value, '$.n') < ?3";
                self.found(condition, &[prefix, &signed(*from), &signed(*to)])
            }
            Query::Compound(kind, score, (from, to)) => self.found(
                "json_extract(value, '$.n') >= ?2 AND json_extract(value, '$.n') < ?3
                 AND json_extract(value, '$.kind') = ?4 AND json_extract(value, '$.score') > ?5",
                &[prefix, &signed(*from), &signed(*to), kind, &signed(*score)],
            ),
            Query::Newest => self.found("TRUE", &[prefix]),
            Query::NewestOfAll => self.rows("ORDER BY updated_at DESC LIMIT 10", &[]),
            Query::Namespaces => {
                let mut all = self
                    .db
                    .prepare_cached("SELECT DISTINCT prefix FROM store")
                    .unwrap();
                let mut rows = all.query([]).unwrap();
                let mut found = 0;
                while let Some(row) = rows.next().unwrap() {
                    let prefix: String = row.get(0).unwrap();
                    found += usize::from(prefix.split('.').count() > 1);
                }
                found
            }
        }
    }

    fn found(&self, condition: &str, params: &[&dyn ToSql]) -> usize {
        let of = format!("WHERE prefix = ?1 AND {condition} ORDER BY updated_at DESC LIMIT 10");
        self.rows(&of, params)
    }

    /// How many rows there are, each read whole as a program would.
    fn rows(&self, of: &str, params: &[&dyn ToSql]) -> usize {
        let query = format!("SELECT prefix, key, value, created_at, updated_at FROM store {of}");
        let mut query = self.db.prepare_cached(&query).unwrap();
        let mut rows = query.query(params).unwrap();
        let mut found = 0;
        while let Some(row) = rows.next().unwrap() {
            let _: (String, String, i64, i64) = (
                row.get(0).unwrap(),
                row.get(1).unwrap(),
                row.get(3).unwrap(),
                row.get(4).unwrap(),
            );
            let value = row.get_ref(2).unwrap().as_str().unwrap();
            let value: Value = serde_json::from_str(value).unwrap();
            found += usize::from(value.is_object());
        }
        found
    }
}

fn signed(n: u64) -> i64 {
    n.try_into().unwrap()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_micros().try_into().unwrap()
}
