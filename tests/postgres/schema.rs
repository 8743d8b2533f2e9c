//! The tables.

use futures::executor::block_on;
use stepwell::checkpoint::Checkpointer;
use stepwell::postgres::{Postgres, PostgresError};

use crate::server::Server;

/// What the tables of LangGraph have, column by column.
const COLUMNS: &str = "SELECT string_agg(table_name || '.' || column_name || ':' || data_type
        || ':' || is_nullable, ' ' ORDER BY table_name, column_name)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name LIKE 'checkpoint%'";

#[test]
fn many_processes_may_set_it_up_at_once() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let address = server.database("setup");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let postgres = Postgres::connect(&address).unwrap();
                block_on(postgres.setup()).unwrap();
                block_on(postgres.setup()).unwrap();
            });
        }
    });
    let versions = server.sql(
        "setup",
        "SELECT string_agg(v::text, ',' ORDER BY v) FROM checkpoint_migrations",
    );
    assert_eq!(versions, "0,1,2,3,4,5,6,7,8,9");
    let columns = server.sql("setup", COLUMNS);
    assert!(
        columns.contains("checkpoint_blobs.blob:bytea:YES"),
        "{columns}"
    );
    assert!(
        columns.contains("checkpoint_writes.task_path:text:NO"),
        "{columns}"
    );
    assert!(
        columns.contains("checkpoints.checkpoint:jsonb:NO"),
        "{columns}"
    );
    let invalid = server.sql(
        "setup",
        "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
    );
    assert_eq!(invalid, "0");
}

#[test]
fn without_tables_it_says_what_to_do() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let saver = Postgres::connect(&server.database("empty"))
        .unwrap()
        .checkpointer();
    let error = block_on(saver.get("t", "", None)).unwrap_err();
    let source = PostgresError::of(&error).unwrap();
    assert!(matches!(source, PostgresError::NotSetUp(_)), "{error}");
    assert!(source.to_string().contains("Postgres::setup"));
}
