"""What the engine has read, as LangGraph wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from stepwell import _metadata
from stepwell._asking import config_of, configurable_of

if TYPE_CHECKING:
    from stepwell._native import Found, History

Loads = Callable[[tuple[str, str, str], str, bytes], Any]
"""Decodes a value of a channel: its thread, namespace and name, its type tag, its bytes."""


def to_tuple(
    found: Found, config: RunnableConfig | None, serde: SerializerProtocol, loads: Loads
) -> CheckpointTuple:
    """A checkpoint."""
    (thread, namespace, id, parent, ts, text, versions, seen, updated, values, writes, _) = found
    metadata, notes = _metadata.loads(text, serde)
    checkpoint: dict[str, Any] = {
        "v": notes.get("v", _metadata.VERSION),
        "ts": ts,
        "id": id,
        "channel_values": {
            channel: loads((thread, namespace, channel), tag, data) for channel, tag, data in values
        },
        "channel_versions": versions,
        "versions_seen": seen,
        "updated_channels": updated,
    }
    if notes.get("no_updated"):
        del checkpoint["updated_channels"]
    checkpoint.update(notes.get("more", {}))
    # As it was given, which may be a number.
    thread_id = configurable_of(config)["thread_id"] if config else thread
    return CheckpointTuple(
        config=config_of(thread_id, namespace, id),
        checkpoint=cast(Checkpoint, checkpoint),
        metadata=cast(CheckpointMetadata, metadata),
        parent_config=config_of(thread_id, namespace, parent) if parent else None,
        pending_writes=[
            (task, channel, serde.loads_typed((tag, data))) for task, channel, tag, data in writes
        ],
    )


def to_histories(
    found: Mapping[str, History], channels: Sequence[str], serde: SerializerProtocol
) -> Mapping[str, DeltaChannelHistory]:
    """What `channels` were written to, by name."""
    loads = serde.loads_typed
    result: dict[str, DeltaChannelHistory] = {}
    for name in channels:
        writes, seed = found[name]
        history: DeltaChannelHistory = {
            "writes": [
                (task, channel, loads((tag, data))) for task, channel, tag, data in writes
            ]
        }
        if seed is not None:
            history["seed"] = loads(seed)
        result[name] = history
    return result
