//! [`Place`]: where a value is.

use std::sync::Arc;

use crate::log::{FrameAddress, Lsn};

/// Where a value is: the database's handle of it in the index.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The record that holds it, shared by all values of the record.
    pub(crate) record: Arc<RecordPlace>,
    /// Its number among the record's values.
    pub(crate) value: u32,
}

impl Place {
    /// That of the record.
    pub(crate) fn lsn(&self) -> Lsn {
        let record = &self.record;
        record.frame.lsn.plus(u64::from(record.number))
    }
}

/// Where a record is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecordPlace {
    pub(crate) frame: FrameAddress,
    /// Its number in the frame.
    pub(crate) number: u32,
}
