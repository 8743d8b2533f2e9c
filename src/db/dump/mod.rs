//! Every record of the log, for those who want to see what is stored: tools, and readers of the format that are
//! compared with this one.

mod fields;
mod value;

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use self::fields::fields;
use self::value::Resolving;
use crate::codec;
use crate::db::indexed::LogState;
use crate::db::{Db, DbError};
use crate::log::{FrameAddress, LogError, LogOrigin, ReadOnlyLog, SegmentKind};

/// Why reading stops early.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("whoever reads the lines has seen enough")]
    Enough,
    #[error(transparent)]
    Failed(#[from] DbError),
}

impl Db {
    /// Gives every record of the log to `line`, in the order of the LSNs, as one JSON object each, its values put together.
    /// In front of them come the database and each of its segments, behind them the LSN at which the log ends. `line` may
    /// stop it. What is compacted meanwhile may be gone.
    ///
    /// The objects are those that `tools/read_stepwell.py` prints. Their names are kept, but there may be more of them.
    ///
    /// # Errors
    /// [`DbError::Log`] if the log cannot be read; [`DbError::UnreadableRecord`] if a record or a value cannot be
    /// understood; [`DbError::Closed`].
    pub fn dump(&self, line: &mut dyn FnMut(Value) -> ControlFlow<()>) -> Result<(), DbError> {
        let end = match &*self.indexed().log.read() {
            LogState::Open(_) => u64::MAX,
            // What has come since cannot be read through it.
            LogState::ReadOnly(log) => log.end().get(),
            _ => return Err(self.closed()),
        };
        let found = ReadOnlyLog::find(Arc::clone(self.vfs()), self.root())?;
        let segments = found.segments().into_iter().map(|segment| {
            let kind = match segment.kind {
                SegmentKind::Active => "active",
                SegmentKind::Sealed => "sealed",
                SegmentKind::Compacted => "compacted",
            };
            json!({ "segment": segment.id.base().get(), "kind": kind })
        });
        for one in [first_line(&found.origin())].into_iter().chain(segments) {
            if line(one).is_break() {
                return Ok(());
            }
        }
        let mut resolving = Resolving::new(self.clone());
        let read = found.replay(&mut |at, payload, _| {
            let each = match at.lsn.get() < end {
                true => each_record(&mut resolving, at, payload, line),
                false => Ok(()),
            };
            each.map_err(Into::into)
        });
        match read {
            Ok(log) => {
                let _ = line(json!({ "end": log.end().get().min(end) }));
                Ok(())
            }
            Err(LogError::Replay { source, .. }) if source.is::<Stopped>() => {
                match source.downcast_ref() {
                    Some(Stopped::Failed(error)) => Err(error.clone()),
                    _ => Ok(()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn first_line(origin: &LogOrigin) -> Value {
    json!({
        "database": origin.database.to_string(),
        "format": origin.format,
        "clean": origin.clean,
        "watermark": origin.watermark,
        "newest": origin.newest,
    })
}

fn each_record(
    resolving: &mut Resolving,
    at: FrameAddress,
    payload: &[u8],
    line: &mut dyn FnMut(Value) -> ControlFlow<()>,
) -> Result<(), Stopped> {
    let unreadable =
        |record, reason: &dyn ToString| DbError::unreadable_record(at, record, reason.to_string());
    let records = codec::decode_all(&Bytes::copy_from_slice(payload));
    let records = records.map_err(|error| unreadable(0, &error))?;
    if u32::try_from(records.len()) != Ok(at.records) {
        return Err(unreadable(0, &"the frame says another number of records").into());
    }
    for (number, record) in (0_u32..).zip(records) {
        let mut of_record = resolving.of(at, number);
        let mut failed = None;
        let record = record.map(|value| {
            let printed = of_record.printed(&value);
            printed.unwrap_or_else(|error| {
                failed.get_or_insert(error);
                Value::Null
            })
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        let lsn = at.lsn.plus(u64::from(number)).get();
        let mut object = json!({ "lsn": lsn, "frame": at.lsn.get() });
        if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields(record)) {
            object.extend(fields);
        }
        if line(object).is_break() {
            return Err(Stopped::Enough);
        }
    }
    Ok(())
}
