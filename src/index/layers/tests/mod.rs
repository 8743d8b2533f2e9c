//! Rows of numbers and names, and databases of them.

mod damage;
mod faults;
mod indexing;
mod layering;
mod opening;
#[path = "../../../../tests/common/watched_fs.rs"]
mod watched_fs;

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::index::tables::{TableKey, TableRow, Undecodable};
use crate::vfs::OsFs;

/// A number and a name; sorted by the name first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(Arc<str>, u32);

impl TableKey for Name {
    fn encode(&self) -> Vec<u8> {
        [self.0.as_bytes(), &[0], &self.1.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        let no_name = || Undecodable("no name".to_owned());
        let (name, number) = bytes.split_last_chunk::<4>().ok_or_else(no_name)?;
        let name = name.strip_suffix(&[0]).ok_or_else(no_name)?;
        let name = std::str::from_utf8(name).map_err(|_| no_name())?;
        Ok(Self(name.into(), u32::from_be_bytes(*number)))
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.0.len()
    }
}

impl TableRow for Arc<str> {
    type Key = Name;

    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(_: &Name, bytes: &[u8]) -> Result<Self, Undecodable> {
        let text = std::str::from_utf8(bytes).map_err(|e| Undecodable(e.to_string()))?;
        Ok(text.into())
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.len()
    }
}

pub(super) type Row = Arc<str>;
pub(super) type Rowset = Layered<Row>;

pub(super) const IDENTITY: Identity = Identity {
    database: Uuid::from_u128(1),
    schema: 1,
};

pub(super) fn name(number: u32) -> Name {
    Name(format!("thread {}", number % 7).into(), number)
}

pub(super) fn row(number: u32) -> Row {
    format!("row {number}").into()
}

pub(super) fn at(lsn: u64) -> Watermark {
    Watermark {
        lsn,
        segment: 1,
        offset: lsn * 64,
    }
}

pub(super) fn open(dir: &Path) -> (IndexFile, Result<Option<Found>, Unusable>) {
    IndexFile::open(Arc::new(OsFs), dir, IDENTITY, 1 << 20).unwrap()
}

pub(super) fn over(found: Option<Found>) -> Rowset {
    Layered::new(
        found,
        Arc::new(Gate::new(IndexOptions::default(), Arc::new(OsFs))),
    )
}

/// Moves everything to the file.
pub(super) fn flush(rows: &mut Rowset, file: &mut IndexFile) {
    if let Some(cut) = rows.cut() {
        let base = file.write(&cut.changes, cut.watermark).unwrap();
        rows.settle(base);
    }
}

/// Makes an index file that holds the rows below `count`.
pub(super) fn make(dir: &Path, count: u32) {
    use crate::index::tables::Tables;
    let (mut file, found) = open(dir);
    let mut rows = over(found.unwrap());
    for number in 0..count {
        rows.put(name(number), row(number));
    }
    rows.advance(at(u64::from(count) + 1), 0);
    flush(&mut rows, &mut file);
}
