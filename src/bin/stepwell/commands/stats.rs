//! `stepwell stats`: how large a database is, and what takes the space.

use serde_json::{Map, Value, json};
use stepwell::db::{Db, DbStats, SegmentKind, ThreadStats, ValueStats};

use super::find::unknown;
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{bytes, count, plain};
use crate::screen::Screen;

/// Which database, or which thread of it.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    /// Only this thread, by channel
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// Print one JSON document on a line
    #[arg(long)]
    json: bool,
}

/// Prints the figures.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = args.db.look()?;
    let told = match &args.thread {
        Some(thread) => of_thread(&db, args, &screen, thread),
        None => of_database(&db, args, &screen),
    };
    db.close()?;
    told.map(Answer::from)
}

fn of_database(db: &Db, args: &Args, screen: &Screen) -> Result<(), Failure> {
    let stats = db.stats()?;
    if args.json {
        return Ok(screen.json(&document(&stats))?);
    }
    let dead = stats.dead_bytes();
    screen.line(format_args!(
        "{}, {}, {}",
        count(usize::try_from(stats.threads)?, "thread"),
        count(usize::try_from(stats.checkpoints)?, "checkpoint"),
        count(usize::try_from(stats.items)?, "item"),
    ))?;
    screen.line(format_args!(
        "Log    {}, of which {} dead, in {}",
        bytes(stats.log.bytes),
        bytes(dead),
        count(stats.segments.len(), "segment"),
    ))?;
    let lag = count(usize::try_from(stats.index.lag)?, "record");
    screen.line(format_args!(
        "Index  {} on disk, {} in memory; {lag} of the log not on disk",
        bytes(stats.index.file_bytes),
        bytes(stats.index.bytes_in_memory),
    ))?;
    if stats.items + stats.store.past_values > 0 {
        screen.line(format_args!(
            "Store  {} of {} in {}, {} that they had before; {} in the index, {} that expire",
            bytes(stats.store.live_bytes),
            count(usize::try_from(stats.items)?, "item"),
            count(usize::try_from(stats.store.namespaces)?, "namespace"),
            bytes(stats.store.past_bytes),
            count(usize::try_from(stats.store.indexed_fields)?, "field"),
            stats.store.expiring,
        ))?;
    }
    activity(&stats, screen)?;
    screen.line(screen.bold("SEGMENT                   KIND             BYTES        DEAD"))?;
    for segment in &stats.segments {
        screen.line(format_args!(
            "{}  {:<9}  {:>10}  {:>10}",
            segment.segment.id,
            kind(segment.segment.kind),
            bytes(segment.segment.bytes),
            bytes(segment.dead_bytes),
        ))?;
    }
    Ok(())
}

/// What was done since the database was opened, if anything was.
fn activity(stats: &DbStats, screen: &Screen) -> Result<(), Failure> {
    if stats.log.commits == 0 && stats.back_pressure.waits == 0 {
        return Ok(());
    }
    let latency = stats.log.sync_latency;
    screen.line(format_args!(
        "Since  it was opened: {}, {} (half within {:?}, 99 of 100 within {:?}); commits waited {} times, {:?} in all",
        count(usize::try_from(stats.log.commits)?, "commit"),
        count(usize::try_from(stats.log.syncs)?, "sync"),
        latency.p50,
        latency.p99,
        stats.back_pressure.waits,
        stats.back_pressure.waited,
    ))?;
    Ok(())
}

fn kind(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Active => "active",
        SegmentKind::Sealed => "sealed",
        SegmentKind::Compacted => "compacted",
    }
}

fn document(stats: &DbStats) -> Value {
    let segments = stats.segments.iter().map(|segment| {
        json!({
            "segment": segment.segment.id.to_string(),
            "kind": kind(segment.segment.kind),
            "bytes": segment.segment.bytes,
            "dead_bytes": segment.dead_bytes,
            "bound_bytes": segment.bound_bytes,
        })
    });
    let latency = stats.log.sync_latency;
    json!({
        "threads": stats.threads,
        "checkpoints": stats.checkpoints,
        "items": stats.items,
        "store": {
            "namespaces": stats.store.namespaces,
            "items": stats.store.items,
            "live_bytes": stats.store.live_bytes,
            "indexed_fields": stats.store.indexed_fields,
            "expiring": stats.store.expiring,
            "past_values": stats.store.past_values,
            "past_bytes": stats.store.past_bytes,
        },
        "log": {
            "bytes": stats.log.bytes,
            "live_bytes": stats.live_bytes(),
            "dead_bytes": stats.dead_bytes(),
            "bound_bytes": stats.bound_bytes(),
            "commits": stats.log.commits,
            "commits_read": stats.commits_read,
            "syncs": stats.log.syncs,
            "sync_seconds": {
                "sum": latency.sum.as_secs_f64(),
                "mean": latency.mean.as_secs_f64(),
                "p50": latency.p50.as_secs_f64(),
                "p99": latency.p99.as_secs_f64(),
            },
            "segments": segments.collect::<Vec<_>>(),
        },
        "index": {
            "file_bytes": stats.index.file_bytes,
            "bytes_in_memory": stats.index.bytes_in_memory,
            "rows_in_memory": stats.index.rows_in_memory,
            "lag": stats.index.lag,
            "look_ups": stats.index.look_ups,
            "pages_read": stats.index.pages_read,
        },
        "cache": {
            "hits": stats.cache.hits,
            "misses": stats.cache.misses,
            "bytes": stats.cache.bytes,
        },
        "block_cache": {
            "hits": stats.blocks.hits,
            "misses": stats.blocks.misses,
            "bytes": stats.blocks.bytes,
        },
        "back_pressure": {
            "waits": stats.back_pressure.waits,
            "seconds": stats.back_pressure.waited.as_secs_f64(),
        },
        "compaction": {
            "segments": stats.compaction.segments,
            "bytes_before": stats.compaction.bytes_before,
            "bytes_after": stats.compaction.bytes_after,
        },
    })
}

fn of_thread(db: &Db, args: &Args, screen: &Screen, thread: &str) -> Result<(), Failure> {
    let stats = db
        .thread_stats(thread)?
        .ok_or_else(|| unknown(thread, db))?;
    if args.json {
        return Ok(screen.json(&thread_document(thread, &stats))?);
    }
    screen.line(format_args!(
        "Thread {}: {}, {} of its own, {} shared with copies",
        plain(thread),
        count(usize::try_from(stats.checkpoints)?, "checkpoint"),
        bytes(stats.bytes),
        bytes(stats.shared_bytes),
    ))?;
    let channels = stats.channels.iter();
    let channels = channels.map(|(name, stats)| (plain(name), stats));
    let mut rows: Vec<(String, &ValueStats)> = channels.collect();
    rows.sort_by_key(|(_, stats)| std::cmp::Reverse(stats.bytes + stats.shared_bytes));
    rows.push(("(pending writes)".to_owned(), &stats.writes));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or_default();
    screen.line(screen.bold(format_args!(
        "{:<width$}  VALUES       BYTES      SHARED",
        "CHANNEL"
    )))?;
    for (name, stats) in rows {
        screen.line(format_args!(
            "{name:<width$}  {:>6}  {:>10}  {:>10}",
            stats.values,
            bytes(stats.bytes),
            bytes(stats.shared_bytes),
        ))?;
    }
    Ok(())
}

fn thread_document(thread: &str, stats: &ThreadStats) -> Value {
    let values = |stats: &ValueStats| {
        json!({
            "values": stats.values,
            "bytes": stats.bytes,
            "shared_bytes": stats.shared_bytes,
        })
    };
    let channels = stats.channels.iter();
    let channels: Map<String, Value> = channels
        .map(|(name, stats)| (name.clone(), values(stats)))
        .collect();
    json!({
        "thread": thread,
        "checkpoints": stats.checkpoints,
        "bytes": stats.bytes,
        "shared_bytes": stats.shared_bytes,
        "channels": channels,
        "writes": values(&stats.writes),
    })
}
