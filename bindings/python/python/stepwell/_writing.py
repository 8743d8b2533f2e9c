"""Checkpoints and writes on their way to the engine, made bytes of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from stepwell import _metadata
from stepwell._asking import config_of, configurable_of
from stepwell._growing import Growing, Known
from stepwell._native import Database, Pending
from stepwell._waiting import acknowledged
from stepwell.errors import NothingToAppendToError

_Encoded = tuple[str, str, bytes]
"""A channel, a type tag, bytes."""


class Put:
    """A checkpoint that is submitted."""

    def __init__(
        self,
        native: Database,
        serde: SerializerProtocol,
        growing: Growing[Any],
        durability: str | None,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> None:
        """Makes bytes of it and submits it."""
        configurable = configurable_of(config)
        self._native = native
        self._serde = serde
        self._growing = growing
        self._durability = durability
        self._thread = str(configurable["thread_id"])
        self._namespace: str = configurable.get("checkpoint_ns", "")
        self._parent: str | None = configurable.get("checkpoint_id")
        self._checkpoint = checkpoint
        self._metadata = get_checkpoint_metadata(config, metadata)
        self._new_versions = new_versions
        self.saved = config_of(configurable["thread_id"], self._namespace, checkpoint["id"])
        """Its config."""
        try:
            self._pending = self._submitted()
        except NothingToAppendToError:
            self._pending = self._whole()

    def wait(self) -> None:
        """Blocks until it is acknowledged."""
        try:
            self._pending.wait()
        except NothingToAppendToError:
            self._whole().wait()

    async def acknowledged(self) -> None:
        """Returns when it is acknowledged; the loop goes on meanwhile."""
        try:
            await acknowledged(self._pending)
        except NothingToAppendToError:
            await acknowledged(self._whole())

    def _whole(self) -> Pending:
        """Submits it again, with whole values: the engine has no list that could grow."""
        self._growing.forget(self._thread, self._namespace)
        return self._submitted()

    def _submitted(self) -> Pending:
        checkpoint, new_versions = self._checkpoint, self._new_versions
        values = checkpoint["channel_values"]
        changed = [channel for channel in new_versions if channel in values]
        if self._parent is None:
            # There is nobody to have what did not change.
            versions = checkpoint["channel_versions"]
            changed += [c for c in values if c in versions and c not in new_versions]
        updated = checkpoint.get("updated_channels")
        whole, appended, turn, known = self._encoded(changed)
        pending = self._native.put(
            self._thread,
            self._namespace,
            self._parent,
            checkpoint["id"],
            checkpoint["ts"],
            _metadata.dumps(self._metadata, checkpoint, self._serde),
            checkpoint["channel_versions"],
            checkpoint["versions_seen"],
            None if updated is None else list(updated),
            new_versions,
            whole,
            appended,
            turn,
            self._durability,
        )
        known.turn = pending.turn
        self._growing.remember(self._thread, self._namespace, known)
        return pending

    def _encoded(
        self, changed: list[str]
    ) -> tuple[list[_Encoded], list[tuple[str, list[tuple[str, bytes]]]], int, Known[Any]]:
        """The values of changed channels, what is new of those that only grew since which turn, and what to remember of them."""
        serde, values = self._serde, self._checkpoint["channel_values"]
        versions = self._checkpoint["channel_versions"]
        last = self._growing.known(self._thread, self._namespace)
        if last and last.checkpoint_id != self._parent:
            last = None
        before = last.lists if last else {}
        known: Known[Any] = Known(self._checkpoint["id"])
        known.lists = {
            channel: of for channel, of in before.items() if versions.get(channel) == of.version
        }
        whole, appended = [], []
        for channel in changed:
            value = values[channel]
            new, grown = self._growing.grown(
                before.get(channel), versions.get(channel), value, serde
            )
            if new is None:
                whole.append(dumps(serde, channel, value))
            else:
                appended.append((channel, new))
            if grown is not None:
                known.lists[channel] = grown
            else:
                known.lists.pop(channel, None)
        return whole, appended, last.turn if last else 0, known


def submitted_writes(
    native: Database,
    serde: SerializerProtocol,
    durability: str | None,
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
) -> Pending:
    """What a task has written.

    A checkpoint that follows makes it durable, as the log is one sequence. What a run may end with, an error or a question, has to be
    durable by itself.
    """
    configurable = configurable_of(config)
    return native.put_writes(
        str(configurable["thread_id"]),
        configurable.get("checkpoint_ns", ""),
        configurable["checkpoint_id"],
        task_id,
        task_path,
        [dumps(serde, channel, value) for channel, value in writes],
        durability,
        any(channel in WRITES_IDX_MAP for channel, _ in writes),
    )


def dumps(serde: SerializerProtocol, channel: str, value: Any) -> _Encoded:
    """A channel's value as bytes."""
    try:
        tag, data = serde.dumps_typed(value)
    except Exception as error:
        if hasattr(error, "add_note"):
            error.add_note(f"while saving channel {channel!r}")
        raise
    return channel, tag, data if type(data) is bytes else bytes(data)
