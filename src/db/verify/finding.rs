//! [`Finding`]: one thing that is wrong in a database, and where.

use serde::Serialize;

use crate::db::DbError;
use crate::log::LogError;

/// One thing that is wrong in a database, and where, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of thing is wrong.
    pub kind: FindingKind,
    /// What is wrong.
    pub what: String,
    /// The name of the file: a segment, or the superblock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// The byte of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The LSN of the record, or of the first that is affected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
    /// The thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// The graph within the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The checkpoint's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FindingKind {
    /// The log is damaged. [`salvage`](crate::db::salvage()) makes a new database of what is whole.
    Log,
    /// A record is whole and cannot be understood.
    Record,
    /// A value cannot be put together.
    Value,
    /// The index does not say what the log says. Removing `index.redb` while nobody has the database open has it made again.
    Index,
}

/// More findings than these are only counted.
const LISTED: usize = 1000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) listed: Vec<Finding>,
    pub(super) count: u64,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(finding);
        }
    }

    pub(super) fn extend(&mut self, others: Self) {
        let unlisted = others.count - u64::try_from(others.listed.len()).unwrap_or_default();
        others.listed.into_iter().for_each(|other| self.add(other));
        self.count += unlisted;
    }
}

impl Finding {
    pub(super) fn new(kind: FindingKind, what: impl ToString) -> Self {
        Self {
            kind,
            what: what.to_string(),
            segment: None,
            offset: None,
            lsn: None,
            thread: None,
            namespace: None,
            checkpoint: None,
        }
    }

    /// What an error says, and where.
    pub(super) fn of(kind: FindingKind, error: &DbError) -> Self {
        let name = |path: &std::path::Path| {
            let name = path.file_name().unwrap_or_default();
            Some(name.to_string_lossy().into_owned())
        };
        let mut finding = Self::new(kind, error);
        let (segment, offset, lsn) = match error {
            DbError::UnreadableRecord {
                lsn,
                segment,
                offset,
                ..
            } => (Some(segment.clone()), Some(*offset), Some(*lsn)),
            DbError::Log(LogError::Corrupt {
                segment,
                offset,
                lsns,
                ..
            }) => (name(segment), Some(*offset), Some(lsns.start.get())),
            DbError::Log(LogError::Replay {
                segment,
                offset,
                lsn,
                ..
            }) => (name(segment), Some(*offset), Some(lsn.get())),
            DbError::Log(LogError::NewerFormat { path, offset, .. }) => {
                (name(path), Some(*offset), None)
            }
            DbError::Log(LogError::ForeignSegment { segment, .. }) => (name(segment), None, None),
            DbError::Log(LogError::SuperblockDamaged { path, .. }) => (name(path), None, None),
            DbError::Log(LogError::Dropped { lsn }) => (None, None, Some(lsn.get())),
            _ => (None, None, None),
        };
        (finding.segment, finding.offset, finding.lsn) = (segment, offset, lsn);
        finding
    }

    pub(super) fn in_thread(mut self, thread: &str) -> Self {
        self.thread = Some(thread.to_owned());
        self
    }

    pub(super) fn at(mut self, thread: &str, namespace: &str, checkpoint: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self.checkpoint = Some(checkpoint.to_owned());
        self.in_thread(thread)
    }
}
