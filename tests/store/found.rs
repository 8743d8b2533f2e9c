//! What a SQLite file is asked, and what is looked at here.

use proptest::prelude::*;
use stepwell::sqlite::SqliteStore;

use crate::finding::{case, check};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn the_store_in_sqlite_finds_what_memory_finds(case in case()) {
        let directory = tempfile::TempDir::new().unwrap();
        let store = SqliteStore::open(directory.path().join("items.sqlite")).unwrap();
        check(&case, &store)?;
    }
}
