//! The tables of checkpoints. Making them again changes nothing, and many processes may do so at once.

use rusqlite::{Connection, TransactionBehavior};

/// LangGraph's tables, and ours.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS checkpoints (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    checkpoint_id TEXT NOT NULL,
    parent_checkpoint_id TEXT,
    type TEXT,
    checkpoint BLOB,
    metadata BLOB,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
);
CREATE TABLE IF NOT EXISTS writes (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    checkpoint_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    task_path TEXT NOT NULL DEFAULT '',
    idx INTEGER NOT NULL,
    channel TEXT NOT NULL,
    type TEXT,
    value BLOB,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);
CREATE TABLE IF NOT EXISTS stepwell_threads (
    thread_id TEXT NOT NULL PRIMARY KEY,
    cutoff TEXT,
    pruned TEXT,
    policy TEXT
);
CREATE TABLE IF NOT EXISTS stepwell_tags (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL,
    name TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    PRIMARY KEY (thread_id, checkpoint_ns, name)
);
";

pub(super) fn set_up(connection: &mut Connection) -> rusqlite::Result<()> {
    let all = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    all.execute_batch(TABLES)?;
    // Files from before LangGraph noted where tasks stand.
    let has_paths = all
        .prepare("SELECT 1 FROM pragma_table_info('writes') WHERE name = 'task_path'")?
        .exists([])?;
    if !has_paths {
        all.execute_batch("ALTER TABLE writes ADD COLUMN task_path TEXT NOT NULL DEFAULT ''")?;
    }
    all.commit()
}
