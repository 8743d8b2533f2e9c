//! The store of a Stepwell database.

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use stepwell::db::{Db, Durability};
use stepwell::store::{
    BlockingStore, DbStore, Filter, Get, IndexedFields, ListNamespaces, Op, Put, Search, Store,
};

use crate::items::Items;
use crate::queries::Query;
use crate::report::Report;

pub(crate) struct Stepwell {
    store: BlockingStore<DbStore>,
    few: bool,
    prefix: [String; 2],
}

impl Stepwell {
    pub(crate) fn open(path: &Path, synced: bool) -> Self {
        let durability = match synced {
            true => Durability::Sync,
            false => Durability::Os,
        };
        let db = Db::options().durability(durability).open(path).unwrap();
        Self {
            store: db.store().blocking(),
            few: false,
            prefix: Items::new(1, false).namespace(0),
        }
    }

    pub(crate) fn with_few_fields(mut self) -> Self {
        self.few = true;
        self
    }

    pub(crate) fn load(path: &Path, items: &Items, report: &mut Report) -> Self {
        let mut this = Self::open(path, false);
        this.prefix = items.namespace(0);
        let start = Instant::now();
        this.put_all((0..items.count).map(|n| (n, 0)), items);
        report.note(format!(
            "Stepwell: {} items put in {:.1} s, in batches of 100 (Os)",
            items.count,
            start.elapsed().as_secs_f64()
        ));
        this
    }

    fn op(&self, (n, version): (u64, u64), items: &Items) -> Op {
        let [a, b] = items.namespace(n);
        let put = Put::new(&[&a, &b], Items::key(n), Items::value(n, version));
        match self.few {
            true => {
                let fields = ["group", "n", "kind"].map(str::to_owned).to_vec();
                put.index(IndexedFields::Only(fields)).into()
            }
            false => put.into(),
        }
    }

    pub(crate) fn put(&mut self, put: &(u64, u64), items: &Items) {
        self.store.batch(vec![self.op(*put, items)]).unwrap();
    }

    pub(crate) fn put_all(&mut self, puts: impl Iterator<Item = (u64, u64)>, items: &Items) {
        let mut puts = puts.peekable();
        while puts.peek().is_some() {
            let ops = puts.by_ref().take(100).map(|put| self.op(put, items));
            self.store.batch(ops.collect()).unwrap();
        }
    }

    pub(crate) fn ask(&self, query: &Query) -> usize {
        let [a, b] = &self.prefix;
        let search = |filter| {
            let filter = Filter::from_json(&filter).unwrap();
            let search = Search::new(&[a, b]).filter(filter);
            self.store.search(search).unwrap().len()
        };
        match query {
            Query::Get(n) => {
                let found = self.store.get_with(self.get(*n)).unwrap();
                usize::from(found.is_some())
            }
            Query::Equal(field, value) => search(json!({*field: value})),
            Query::Range(from, to) => search(json!({"n": {"$gte": from, "$lt": to}})),
            Query::Compound(kind, score, (from, to)) => search(json!({
                "kind": kind, "score": {"$gt": score}, "n": {"$gte": from, "$lt": to},
            })),
            Query::Newest => search(json!({})),
            Query::NewestOfAll => self.store.search(Search::new(&[])).unwrap().len(),
            Query::Namespaces => {
                let all = ListNamespaces {
                    limit: usize::MAX,
                    ..ListNamespaces::default()
                };
                self.store.list_namespaces(all).unwrap().len()
            }
        }
    }

    fn get(&self, n: u64) -> Get {
        let [a, b] = &self.prefix;
        Get::new(&[a, b], Items::key(n))
    }
}
