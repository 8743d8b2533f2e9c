//! Comparing both sides of a transfer: what each says, and not in which bytes.

use crate::Encoded;
use crate::checkpoint::{CheckpointTuple, Checkpointer};
use crate::store::Store;
use crate::transfer::items::{pages, same};
use crate::transfer::threads::keys_of;
use crate::transfer::{TransferError, TransferReport};

pub(super) async fn thread(
    thread: &str,
    from: &dyn Checkpointer,
    to: &dyn Checkpointer,
    report: &mut TransferReport,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Result<(), TransferError> {
    let failed = TransferError::of(thread);
    for (id, namespace) in keys_of(from, thread).await.map_err(&failed)? {
        let one = from
            .get(thread, &namespace, Some(&id))
            .await
            .map_err(&failed)?;
        let other = to
            .get(thread, &namespace, Some(&id))
            .await
            .map_err(&failed)?;
        tell(1);
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

pub(super) async fn items(
    from: &dyn Store,
    to: &dyn Store,
    report: &mut TransferReport,
) -> Result<(), TransferError> {
    pages(from, async |items| {
        for item in items {
            report.compared += 1;
            if same(to, &item)
                .await?
                .is_none_or(|there| there.value != item.value)
            {
                report.differs(format!(
                    "item `{}` in namespace {:?}",
                    item.key, item.namespace
                ));
            }
        }
        Ok(())
    })
    .await?;
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
    let differing = writes.clone().find(|(one, other)| {
        let names = |of: &crate::checkpoint::PendingWrite| {
            (
                of.task_id.clone(),
                of.task_path.clone(),
                of.index,
                of.channel.clone(),
            )
        };
        names(one) != names(other) || !says_the_same(&one.value, &other.value)
    });
    differing.map(|(one, _)| format!("what task `{}` wrote to `{}`", one.task_id, one.channel))
}

fn says_the_same(one: &Encoded, other: &Encoded) -> bool {
    match (one.to_state(), other.to_state()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
