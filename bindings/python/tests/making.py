"""Checkpoints for tests."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6


def config(thread: str = "t", id: str | None = None, namespace: str = "") -> Any:
    found = {"thread_id": thread, "checkpoint_ns": namespace}
    if id:
        found["checkpoint_id"] = id
    return {"configurable": found}


def put(
    saver: Any,
    values: dict[str, Any],
    after: Any = None,
    *,
    thread: str = "t",
    versions: dict[str, Any] | None = None,
    **metadata: Any,
) -> Any:
    """Puts a checkpoint with these values, all of them new."""
    checkpoint = empty_checkpoint()
    checkpoint["id"] = str(uuid6(clock_seq=-2))
    checkpoint["v"] = 4
    checkpoint["channel_values"] = values
    new = versions or {channel: saver.get_next_version(None, None) for channel in values}
    checkpoint["channel_versions"] = new
    checkpoint["updated_channels"] = sorted(new)
    md = {"source": "loop", "step": 0, "parents": {}, **metadata}
    return saver.put(after or config(thread), checkpoint, md, new)
