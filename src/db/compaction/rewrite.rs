//! [`Rewriter`]: what becomes of each frame of a run.

use std::collections::{HashMap, HashSet};
use std::hash::Hasher;

use bytes::Bytes;
use twox_hash::XxHash3_64;

use crate::Encoded;
use crate::codec::{self, Compression, ItemPut, Ranked, Record, Remnant, Stored};
use crate::db::DbError;
use crate::db::compaction::marks::Marks;
use crate::db::compaction::remnants::Remnants;
use crate::db::view::DbSnapshot;
use crate::log::{FrameAddress, Lsn, Verdict};
use crate::store_options::IndexedFields;

/// Longer payloads are not made: they might not fit into a frame any more.
const PLAIN_MAX: usize = 256 << 20;

/// Decides what becomes of each frame of a run.
pub(super) struct Rewriter<'r> {
    pub(super) snapshot: &'r DbSnapshot,
    pub(super) marks: &'r Marks,
    pub(super) remnants: Remnants,
    /// Records that others take the place of, by LSN.
    pub(super) replaced: HashMap<u64, Record<Stored>>,
    /// About how many bytes are kept only for values that others are made of.
    pub(super) bound: u64,
    pub(super) deletions: Deletions,
}

/// Which deletions of items still have something to delete.
///
/// One says nothing any more if no put of its item is left in front of it. That is known in a run that begins with the log itself: all
/// that is in front is in the run, and was decided about before.
pub(super) struct Deletions {
    /// Hashes of the items of which puts stay, in such a run.
    items: Option<HashSet<u64>>,
}

/// What becomes of a record.
enum Fate {
    Stays(Record<Stored>),
    Changes(Record<Stored>),
    Goes,
}

impl Rewriter<'_> {
    pub(super) fn verdict(
        &mut self,
        frame: FrameAddress,
        payload: &[u8],
    ) -> Result<Verdict, DbError> {
        let unreadable = |error| DbError::unreadable_record(frame, 0, error);
        let records = codec::decode_all(&Bytes::copy_from_slice(payload)).map_err(unreadable)?;
        let share = u64::from(frame.payload_len) / u64::from(frame.records.max(1));
        let mut fates = Vec::with_capacity(records.len());
        for (lsn, record) in (frame.lsn.get()..).zip(records) {
            fates.push(self.fate(lsn, record, share)?);
        }
        if fates.iter().all(|fate| matches!(fate, Fate::Goes)) {
            return Ok(Verdict::Drop);
        }
        let stays = fates.iter().all(|fate| matches!(fate, Fate::Stays(_)));
        // What is compressed by itself becomes longer when it is compressed once more, with others.
        if stays && !codec::is_compressed(payload).map_err(unreadable)? {
            return Ok(Verdict::Keep);
        }
        let records: Vec<_> = fates
            .into_iter()
            .map(|fate| match fate {
                Fate::Stays(record) | Fate::Changes(record) => record,
                Fate::Goes => Record::Remnant(Remnant::default()),
            })
            .collect();
        let plain = codec::encode(&records, Compression::None).map_err(unreadable)?;
        Ok(match plain.len() <= PLAIN_MAX {
            true => Verdict::Replace(plain),
            false if stays => Verdict::Keep,
            false => {
                Verdict::Replace(codec::encode(&records, Compression::Long).map_err(unreadable)?)
            }
        })
    }

    fn fate(&mut self, lsn: u64, record: Record<Stored>, bytes: u64) -> Result<Fate, DbError> {
        if let Some(replaced) = self.replaced.remove(&lsn) {
            return Ok(Fate::Changes(replaced));
        }
        let live = self.marks.is_live(lsn);
        let has_values = self.marks.has_values(lsn);
        match record {
            Record::CheckpointPut(_) | Record::WritesPut(_) if live => Ok(Fate::Stays(record)),
            Record::CheckpointPut(_) | Record::WritesPut(_) | Record::Remnant(_) => {
                let touched = self.remnants.remove(&lsn);
                let mut values = Vec::new();
                if has_values {
                    self.bound = self.bound.saturating_add(bytes);
                    values = record.into_values();
                }
                Ok(if touched.is_some() || !values.is_empty() {
                    Fate::Changes(Record::Remnant(Remnant { touched, values }))
                } else {
                    Fate::Goes
                })
            }
            Record::ItemPut(put) if !live && !has_values => {
                let fate = self.dead_item(lsn, put)?;
                if let Fate::Changes(Record::ItemPut(put)) = &fate {
                    self.deletions.stays(&put.namespace, &put.key);
                }
                Ok(fate)
            }
            Record::ItemPut(put) => {
                self.deletions.stays(&put.namespace, &put.key);
                Ok(Fate::Stays(Record::ItemPut(put)))
            }
            Record::ItemDeleted(of) if self.deletions.say_nothing(&of.namespace, &of.key) => {
                Ok(Fate::Goes)
            }
            Record::ItemExpired(of) if self.deletions.say_nothing(&of.namespace, &of.key) => {
                Ok(Fate::Goes)
            }
            Record::ItemTouched(_) if !live => Ok(Fate::Goes),
            // Few bytes, and what they say may have to be said again.
            _ => Ok(Fate::Stays(record)),
        }
    }

    /// When the key first came, and where it is in the order of insertion, is told by its first record.
    fn dead_item(&self, lsn: u64, put: ItemPut<Stored>) -> Result<Fate, DbError> {
        let item = self.snapshot.item(&put.namespace, &put.key)?;
        let is_first = item.is_some_and(|item| item.place == lsn)
            || (self.snapshot).is_first_of_past(&put.namespace, &put.key, lsn)?;
        Ok(match is_first {
            true => Fate::Changes(Record::ItemPut(ItemPut {
                value: Stored::Whole(Encoded::new("json", &b"null"[..])),
                // The puts that made it live longer may have gone.
                lifetime: None,
                index: IndexedFields::NONE,
                ranked: Ranked::default(),
                at: put.moved.map_or(put.at, |moved| moved.created),
                moved: None,
                ..put
            })),
            false => Fate::Goes,
        })
    }
}

impl Deletions {
    /// Of a run that begins with this LSN.
    pub(super) fn of_run(base: Lsn) -> Self {
        Self {
            items: (base == Lsn::FIRST).then(HashSet::new),
        }
    }

    /// A put of this item stays.
    fn stays(&mut self, namespace: &[String], key: &str) {
        if let Some(items) = &mut self.items {
            items.insert(hash(namespace, key));
        }
    }

    /// Whether there is nothing of this item that could be deleted. An item with the same hash counts as the same.
    fn say_nothing(&self, namespace: &[String], key: &str) -> bool {
        let items = self.items.as_ref();
        items.is_some_and(|items| !items.contains(&hash(namespace, key)))
    }
}

fn hash(namespace: &[String], key: &str) -> u64 {
    let mut hasher = XxHash3_64::new();
    for part in namespace.iter().map(String::as_str).chain([key]) {
        hasher.write(part.as_bytes());
        hasher.write(&[0xff]);
    }
    hasher.finish()
}
