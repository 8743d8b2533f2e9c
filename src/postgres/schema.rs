//! The tables: LangGraph's, and ours beside them.

use tokio_postgres::{Client, Transaction};

use crate::postgres::PostgresError;
use crate::postgres::store::{LABELS, in_order};

/// Who holds this lock makes tables. The number means nothing to others.
const LOCK: i64 = 0x7374_6570_7765_6c6c;

/// The tables of langgraph-checkpoint-postgres 3.2. The place of a step is its number in `checkpoint_migrations`.
///
/// The indexes are made in the same transaction as all else: LangGraph makes them `CONCURRENTLY`, which fails in a transaction and, with several
/// processes, can leave an index that is not valid. On a large table that has none yet, making them keeps writers waiting.
const CHECKPOINTS: [&str; 10] = [
    "CREATE TABLE IF NOT EXISTS checkpoint_migrations (v INTEGER PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS checkpoints (
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL DEFAULT '',
        checkpoint_id TEXT NOT NULL,
        parent_checkpoint_id TEXT,
        type TEXT,
        checkpoint JSONB NOT NULL,
        metadata JSONB NOT NULL DEFAULT '{}',
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id))",
    "CREATE TABLE IF NOT EXISTS checkpoint_blobs (
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL DEFAULT '',
        channel TEXT NOT NULL,
        version TEXT NOT NULL,
        type TEXT NOT NULL,
        blob BYTEA,
        PRIMARY KEY (thread_id, checkpoint_ns, channel, version))",
    "CREATE TABLE IF NOT EXISTS checkpoint_writes (
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL DEFAULT '',
        checkpoint_id TEXT NOT NULL,
        task_id TEXT NOT NULL,
        idx INTEGER NOT NULL,
        channel TEXT NOT NULL,
        type TEXT,
        blob BYTEA NOT NULL,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx))",
    "ALTER TABLE checkpoint_blobs ALTER COLUMN blob DROP NOT NULL",
    // A number that LangGraph has given to nothing.
    "SELECT 1",
    "CREATE INDEX IF NOT EXISTS checkpoints_thread_id_idx ON checkpoints (thread_id)",
    "CREATE INDEX IF NOT EXISTS checkpoint_blobs_thread_id_idx ON checkpoint_blobs (thread_id)",
    "CREATE INDEX IF NOT EXISTS checkpoint_writes_thread_id_idx ON checkpoint_writes (thread_id)",
    "ALTER TABLE checkpoint_writes ADD COLUMN IF NOT EXISTS task_path TEXT NOT NULL DEFAULT ''",
];

/// The tables of LangGraph's store, less those for vectors, which need an extension. The place of a step is its number in `store_migrations`.
const STORE: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS store (
        prefix text NOT NULL,
        key text NOT NULL,
        value jsonb NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
        PRIMARY KEY (prefix, key))",
    "CREATE INDEX IF NOT EXISTS store_prefix_idx ON store USING btree (prefix text_pattern_ops)",
    "ALTER TABLE store ADD COLUMN IF NOT EXISTS expires_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN IF NOT EXISTS ttl_minutes INT",
    "CREATE INDEX IF NOT EXISTS idx_store_expires_at ON store (expires_at)
        WHERE expires_at IS NOT NULL",
];

/// Ours. The place of a step is its number in `stepwell_migrations`.
///
/// Ids are compared by their bytes, whatever the order of the database's locale, so that the greatest is the latest everywhere.
const OURS: [&str; 8] = [
    "CREATE TABLE stepwell_threads (
        thread_id TEXT PRIMARY KEY,
        turn BIGINT NOT NULL DEFAULT 0,
        cutoff TEXT,
        pruned TEXT,
        policy JSONB,
        token BIGINT NOT NULL DEFAULT 0,
        holder TEXT,
        expires_at TIMESTAMPTZ)",
    "CREATE TABLE stepwell_tags (
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL,
        name TEXT NOT NULL,
        checkpoint_id TEXT NOT NULL,
        PRIMARY KEY (thread_id, checkpoint_ns, name))",
    "CREATE INDEX stepwell_threads_held ON stepwell_threads (holder) WHERE holder IS NOT NULL",
    "CREATE INDEX stepwell_latest ON checkpoints
        (thread_id, checkpoint_ns, checkpoint_id COLLATE \"C\" DESC)",
    // What LangGraph's table does not say of an item, as long as it is that one.
    "CREATE TABLE stepwell_items (
        prefix TEXT NOT NULL,
        key TEXT NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL,
        lifetime_us BIGINT,
        exact TEXT,
        texts JSONB,
        vectors BYTEA,
        PRIMARY KEY (prefix, key))",
    // What items were, whoever replaced or deleted them; and since when that is kept, by namespace: for a week, where nothing is said.
    "CREATE TABLE stepwell_item_history (
        prefix TEXT NOT NULL,
        key TEXT NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        expires_at TIMESTAMPTZ,
        ended_at TIMESTAMPTZ NOT NULL,
        was_removed BOOLEAN NOT NULL,
        forget_at TIMESTAMPTZ NOT NULL,
        value JSONB NOT NULL,
        exact TEXT,
        PRIMARY KEY (prefix, key, updated_at));
    CREATE INDEX stepwell_item_history_forget ON stepwell_item_history (forget_at);
    CREATE TABLE stepwell_item_rules (
        prefix TEXT PRIMARY KEY,
        since TIMESTAMPTZ,
        kept_us BIGINT);
    INSERT INTO stepwell_item_rules VALUES ('', clock_timestamp(), 604800000000)",
    "CREATE FUNCTION stepwell_keep_item() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE
        rule RECORD;
        ends TIMESTAMPTZ;
    BEGIN
        SELECT r.since, r.kept_us INTO rule FROM stepwell_item_rules r
            WHERE r.prefix = '' OR r.prefix = OLD.prefix OR starts_with(OLD.prefix, r.prefix || '.')
            ORDER BY length(r.prefix) DESC LIMIT 1;
        IF rule.since IS NOT NULL AND OLD.updated_at IS NOT NULL THEN
            ends := CASE TG_OP WHEN 'UPDATE' THEN NEW.updated_at ELSE clock_timestamp() END;
            ends := GREATEST(ends, OLD.updated_at);
            INSERT INTO stepwell_item_history (prefix, key, updated_at, created_at, expires_at, ended_at,
                was_removed, forget_at, value, exact)
            VALUES (OLD.prefix, OLD.key, OLD.updated_at, LEAST(OLD.created_at, OLD.updated_at), OLD.expires_at, ends,
                TG_OP = 'DELETE', ends + rule.kept_us * interval '1 microsecond', OLD.value,
                (SELECT i.exact FROM stepwell_items i WHERE i.prefix = OLD.prefix AND i.key = OLD.key
                    AND i.updated_at = OLD.updated_at))
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
    END $$;
    CREATE TRIGGER stepwell_item_replaced BEFORE UPDATE ON store FOR EACH ROW
        WHEN (OLD.value IS DISTINCT FROM NEW.value OR OLD.updated_at IS DISTINCT FROM NEW.updated_at)
        EXECUTE FUNCTION stepwell_keep_item();
    CREATE TRIGGER stepwell_item_removed BEFORE DELETE ON store FOR EACH ROW
        EXECUTE FUNCTION stepwell_keep_item()",
    // By which items are found in their orders.
    BY_NAME_AND_UPDATE,
];

/// `{labels}` and `{key}` are as the store's queries write them.
const BY_NAME_AND_UPDATE: &str = "CREATE INDEX stepwell_store_by_name ON store ({labels}, {key});
    CREATE INDEX stepwell_store_by_update ON store (updated_at DESC)";

/// Makes what is missing, one process at a time.
pub(super) async fn migrate(client: &mut Client) -> Result<(), PostgresError> {
    let transaction = client.transaction().await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    steps(&transaction, "checkpoint_migrations", &CHECKPOINTS).await?;
    transaction
        .batch_execute("CREATE TABLE IF NOT EXISTS store_migrations (v INTEGER PRIMARY KEY)")
        .await?;
    steps(&transaction, "store_migrations", &STORE).await?;
    transaction
        .batch_execute("CREATE TABLE IF NOT EXISTS stepwell_migrations (v INTEGER PRIMARY KEY)")
        .await?;
    steps(&transaction, "stepwell_migrations", &OURS).await?;
    transaction.commit().await?;
    Ok(())
}

/// Takes the steps that `table` does not know yet.
async fn steps(
    transaction: &Transaction<'_>,
    table: &str,
    all: &[&str],
) -> Result<(), PostgresError> {
    let made = transaction
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])
        .await?;
    let done: Option<i32> = if made.try_get(0)? {
        let last = format!("SELECT max(v) FROM {table}");
        transaction.query_one(&last, &[]).await?.try_get(0)?
    } else {
        None
    };
    for (number, step) in (0_i32..).zip(all) {
        if done.is_some_and(|done| number <= done) {
            continue;
        }
        let labels = LABELS.replace("s.", "");
        let step = step
            .replace("{labels}", &labels)
            .replace("{key}", &in_order("key"));
        transaction.batch_execute(&step).await?;
        let note = format!("INSERT INTO {table} (v) VALUES ($1) ON CONFLICT DO NOTHING");
        transaction.execute(&note, &[&number]).await?;
    }
    Ok(())
}
