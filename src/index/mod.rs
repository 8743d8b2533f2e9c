//! The index: what the log says, by thread and by namespace.
//!
//! One state machine over an ordered map of [rows](Row). It is fed with [records](crate::codec::Record) in the order
//! of the log, and the same records always make the same rows, whether they come from a writer or from replaying
//! the log. It is generic over the map, and over the handle `H` by which a value is found again: the value itself for
//! savers in memory, its place in the log for the database.
//!
//! A record is applied in two steps: what it changes is worked out, which can fail, and then changed, which
//! cannot. So it is never half applied.
//!
//! This module must never know how records are encoded, or read a value.

mod burying;
mod bytes;
mod chain;
mod changes;
mod checkpoints;
mod contents;
mod copying;
mod deletion;
mod entry;
mod find_items;
mod find_past;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod id;
mod inherited;
mod item_history;
mod item_marks;
mod item_namespaces;
mod item_words;
mod items;
mod key;
mod known_latest;
mod known_versions;
mod layers;
mod list;
mod liveness;
mod look_up;
mod lost;
mod mem_tables;
mod merging;
mod names;
#[cfg(feature = "ann")]
mod near;
mod plan;
mod policies;
mod postings;
mod pruning;
mod reclaim;
mod refused;
mod remnants;
mod row;
mod row_bytes;
mod state;
mod tables;
mod tags;
#[cfg(test)]
mod tests;
mod threads;
mod usage;
mod vector_table;
mod writes;

pub(crate) use bytes::{byte, number, put_number};
pub(crate) use contents::ContentHash;
pub(crate) use entry::{Entry, Held, map_of, owned};
pub(crate) use find_past::Then;
pub(crate) use id::made_at;
#[cfg(feature = "langgraph")]
pub(crate) use id::precedes;
pub(crate) use inherited::{Parent, shrink};
pub(crate) use item_history::{HistoryRules, PastItem};
pub(crate) use item_namespaces::ItemsHere;
pub(crate) use item_words::WordCount;
pub(crate) use items::ItemEntry;
pub(crate) use key::{Branch, Key};
pub(crate) use known_versions::KnownVersions;
pub(crate) use layers::{
    FileReads, Found as FoundFile, Gate, INDEX_FILE, Identity, IndexFile, IndexOptions, Indexer,
    Layered, LayeredSnapshot, Owner, Stop, Waits, Watermark,
};
pub(crate) use list::{List, Selection};
pub(crate) use liveness::Needed;
pub(crate) use look_up::Found;
pub(crate) use lost::Lost;
pub(crate) use mem_tables::MemTables;
#[cfg(feature = "ann")]
pub(crate) use near::{FOUND, Kind};
pub(crate) use plan::{Candidate, Plan, Survivor};
pub(crate) use refused::{Reason, Refused, Unapplied};
pub(crate) use row::{Origin, Row, SegmentUse};
pub(crate) use row_bytes::{HandleBytes, decode as decode_row, encode as encode_row};
pub(crate) use state::{Index, Snapshot};
pub(crate) use tables::{Rank, Rows, TableKey, TableRow, Tables, TablesError, Undecodable};
pub(crate) use threads::Thread;
pub(crate) use usage::Counts;
pub(crate) use vector_table::{ItemName, Known, VectorTable};
