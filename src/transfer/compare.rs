//! Comparing both sides of a transfer: what each says, and not in which bytes.

use crate::Encoded;
use crate::checkpoint::{CheckpointTuple, PendingWrite};
use crate::transfer::place::End;
use crate::transfer::{TransferError, TransferReport};

pub(super) async fn thread(
    thread: &str,
    (from, to): (&dyn End, &dyn End),
    report: &mut TransferReport,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Result<(), TransferError> {
    let failed = TransferError::of(thread);
    for key in from.keys(thread).await.map_err(&failed)? {
        tell(1);
        if report.has_passed_over(thread, &key) {
            continue;
        }
        let (id, namespace) = &key;
        let [one, other] = [from, to].map(End::checkpoints);
        let one = one.get(thread, namespace, Some(id)).await;
        let other = other.get(thread, namespace, Some(id)).await;
        let (one, other) = (one.map_err(&failed)?, other.map_err(&failed)?);
        report.compared += 1;
        let differs = match (one, other) {
            (Some(one), Some(other)) => difference(&one, &other),
            (None, None) => None,
            _ => Some("it is on one side only".to_owned()),
        };
        if let Some(what) = differs {
            report.differs(format!(
                "thread `{thread}`, checkpoint `{id}` in namespace `{namespace}`: {what}"
            ));
        }
    }
    Ok(())
}

/// What differs between two checkpoints, if something does.
fn difference(one: &CheckpointTuple, other: &CheckpointTuple) -> Option<String> {
    let (a, b) = (&one.checkpoint, &other.checkpoint);
    let parts = [
        ("parent", one.parent_id == other.parent_id),
        ("metadata", one.metadata == other.metadata),
        ("time", a.ts == b.ts),
        ("versions", a.channel_versions == b.channel_versions),
        (
            "versions that nodes have seen",
            a.versions_seen == b.versions_seen,
        ),
        (
            "channels that changed",
            a.updated_channels == b.updated_channels,
        ),
        (
            "channels with values",
            a.channel_values.keys().eq(b.channel_values.keys()),
        ),
        (
            "pending writes",
            one.pending_writes.len() == other.pending_writes.len(),
        ),
    ];
    if let Some((part, _)) = parts.iter().find(|(_, is_same)| !is_same) {
        return Some(format!("its {part}"));
    }
    let values = a.channel_values.iter().zip(b.channel_values.values());
    if let Some(((channel, _), _)) = values
        .clone()
        .find(|((_, one), other)| !says_the_same(one, other))
    {
        return Some(format!("the value of channel `{channel}`"));
    }
    let writes = one.pending_writes.iter().zip(&other.pending_writes);
    let differing = writes
        .clone()
        .find(|(one, other)| !is_same_write(one, other));
    differing.map(|(one, _)| format!("what task `{}` wrote to `{}`", one.task_id, one.channel))
}

/// Whether two writes are one.
pub(super) fn is_same_write(one: &PendingWrite, other: &PendingWrite) -> bool {
    (&one.task_id, &one.task_path) == (&other.task_id, &other.task_path)
        && (one.index, &one.channel) == (other.index, &other.channel)
        && says_the_same(&one.value, &other.value)
}

fn says_the_same(one: &Encoded, other: &Encoded) -> bool {
    match (one.to_state(), other.to_state()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
