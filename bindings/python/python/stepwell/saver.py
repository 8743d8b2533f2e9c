"""`StepwellSaver`: LangGraph's checkpoints in a Stepwell database."""

from __future__ import annotations

import builtins
import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from stepwell import _metadata
from stepwell._asking import Query, address, config_of, configurable_of, names, texts
from stepwell._messages import Decoded, Known, Trusted
from stepwell._native import Pending
from stepwell._opening import Opening
from stepwell._waiting import acknowledged, in_thread
from stepwell.errors import NothingToAppendToError

if TYPE_CHECKING:
    from stepwell._native import Found
    from stepwell.database import Stepwell


class StepwellSaver(BaseCheckpointSaver[Any]):
    """Keeps the checkpoints of LangGraph's graphs in a database.

    One class for `invoke` and `ainvoke`, any number of threads and event loops. Values go through `serde`, as with
    every saver of LangGraph, so its allowlist and encryption work; the engine sees their bytes and stores of each
    only what is new in it.

    ```python
    with StepwellSaver.from_conn_string("agent.stepwell") as checkpointer:
        graph = builder.compile(checkpointer=checkpointer)
    ```
    """

    db: Stepwell
    """The database, with what it can do besides: `list_threads`, `diff`, `backup` and others."""

    def __init__(
        self,
        db: Stepwell,
        *,
        serde: SerializerProtocol | None = None,
        durability: str | float | None = None,
        trust_messages: bool | Literal["check"] = False,
    ) -> None:
        """A saver on an open database.

        Args:
            db: The database. The saver does not close it.
            serde: Makes bytes of values; LangGraph's own by default.
            durability: When a write counts as done, if other than for the whole database; see `Stepwell.open`.
            trust_messages: Messages are never changed in place once they are saved. A step then costs what is new in it,
                however long the conversation is, and what was read may share messages with what is read later.
                `"check"` finds out, at the old price, and raises `MutatedMessageError`.
        """
        super().__init__(serde=serde)
        self._trusted = Trusted(checks=trust_messages == "check") if trust_messages else None
        self.db = db
        self._native = db.native
        self._durability = None if durability is None else str(durability)

    @classmethod
    def from_conn_string(
        cls,
        conn_string: str | os.PathLike[str],
        *,
        serde: SerializerProtocol | None = None,
        durability: str | float = "sync",
        trust_messages: bool | Literal["check"] = False,
    ) -> Opening[StepwellSaver]:
        """Opens the database in the directory `conn_string`, for `with` or `async with`."""
        from stepwell.database import Stepwell

        def opened() -> tuple[StepwellSaver, Stepwell]:
            db = Stepwell.open(conn_string, durability=durability)
            return cls(db, serde=serde, trust_messages=trust_messages), db

        return Opening(opened)

    def setup(self) -> None:
        """Does nothing: there is nothing to set up. Other savers have it."""

    async def asetup(self) -> None:
        """Does nothing, as `setup`."""

    # ---- reading -----------------------------------------------------------------

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that `config` names, or the thread's latest."""
        thread, namespace, checkpoint_id = address(config)
        known = self._known(thread, namespace)
        found = self._native.get(thread, namespace, checkpoint_id, False, names(known))
        return self._read(found, config, known) if found else None

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `get_tuple`. The loop goes on while something has to be read from the disk."""
        thread, namespace, checkpoint_id = address(config)
        known = self._known(thread, namespace)
        ask = (thread, namespace, checkpoint_id)
        found = self._native.get(*ask, True, names(known))
        if found is False:
            found = await in_thread(self._native.get, *ask, False, names(known))
        return self._read(found, config, known) if found else None

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """The checkpoints that are selected, newest first, as they are at the first `next`.

        Nobody waits for whoever pauses in the middle. What is not read is not decoded.
        """
        query = Query(config, filter, before, limit)
        listing = self._native.list(*query.native())
        decoded = self._decoded()
        try:
            while not query.is_full() and (found := listing.next()):
                if query.takes(listed := self._tuple(found, config, decoded)):
                    yield listed
        finally:
            listing.close()

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As `list`."""
        query = Query(config, filter, before, limit)
        listing = await in_thread(self._native.list, *query.native())
        decoded = self._decoded()
        try:
            while not query.is_full() and (found := await in_thread(listing.next)):
                if query.takes(listed := self._tuple(found, config, decoded)):
                    yield listed
        finally:
            listing.close()

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What a checkpoint's ancestors have written to `channels` since their last whole value, and that value."""
        histories = self._native.delta_history(*address(config), builtins.list(channels))
        return self._histories(histories, channels)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As `get_delta_channel_history`."""
        histories = await in_thread(
            self._native.delta_history, *address(config), builtins.list(channels)
        )
        return self._histories(histories, channels)

    # ---- writing -----------------------------------------------------------------

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Saves a checkpoint. What is in it is made bytes of before this returns, and is durable then."""
        try:
            pending, saved = self._put(config, checkpoint, metadata, new_versions)
            pending.wait()
        except NothingToAppendToError:
            self._forget(config)
            pending, saved = self._put(config, checkpoint, metadata, new_versions)
            pending.wait()
        return saved

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `put`. It is submitted at once; the loop goes on until it is acknowledged."""
        try:
            pending, saved = self._put(config, checkpoint, metadata, new_versions)
            await acknowledged(pending)
        except NothingToAppendToError:
            self._forget(config)
            pending, saved = self._put(config, checkpoint, metadata, new_versions)
            await acknowledged(pending)
        return saved

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Saves what a task has written; its checkpoint may come later."""
        self._put_writes(config, writes, task_id, task_path).wait()

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """As `put_writes`."""
        await acknowledged(self._put_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """Deletes a thread. What a run that goes on writes to it afterwards does not bring it back."""
        self._native.delete_thread(str(thread_id)).wait()

    async def adelete_thread(self, thread_id: str) -> None:
        """As `delete_thread`."""
        await acknowledged(self._native.delete_thread(str(thread_id)))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Deletes the checkpoints of these runs, in all threads."""
        self._native.delete_for_runs(texts(run_ids, "run_ids"))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As `delete_for_runs`."""
        await in_thread(self.delete_for_runs, run_ids)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Gives a thread the history of another one, whatever that is at the cost of one small record."""
        self._native.copy_thread(str(source_thread_id), str(target_thread_id)).wait()

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As `copy_thread`."""
        pending = self._native.copy_thread(str(source_thread_id), str(target_thread_id))
        await acknowledged(pending)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Removes all but the latest checkpoint of each namespace (`keep_latest`), or the threads (`delete`).

        What stays stays whole: values of a `DeltaChannel` keep the checkpoints that they are made of.
        """
        self._native.prune(texts(thread_ids, "thread_ids"), strategy)

    async def aprune(
        self, thread_ids: Sequence[str], *, strategy: str = "keep_latest"
    ) -> None:
        """As `prune`."""
        await in_thread(self.prune, thread_ids, strategy=strategy)

    def get_next_version(self, current: Any, channel: None) -> Any:
        """The version after `current`: an integer, or of the form that the thread was begun with."""
        if not isinstance(current, str):
            return 1 if current is None else current + 1
        counter, _, _ = current.partition(".")
        # As other savers make them. Here values are found by their checkpoints, so they need not be unique.
        return f"{int(counter) + 1:032}.{0:016}"

    def with_allowlist(
        self, extra_allowlist: Collection[tuple[str, ...]]
    ) -> StepwellSaver:
        """The same saver, with a serializer that may make these types."""
        return cast(StepwellSaver, super().with_allowlist(extra_allowlist))

    # ---- between objects and bytes -------------------------------------------------

    def _put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> tuple[Pending, RunnableConfig]:
        configurable = configurable_of(config)
        namespace = configurable.get("checkpoint_ns", "")
        parent = configurable.get("checkpoint_id")
        values = checkpoint["channel_values"]
        changed = [channel for channel in new_versions if channel in values]
        if parent is None:
            # There is nobody to have what did not change.
            versions = checkpoint["channel_versions"]
            changed += [c for c in values if c in versions and c not in new_versions]
        updated = checkpoint.get("updated_channels")
        thread = str(configurable["thread_id"])
        whole, appended, known = self._encoded(thread, namespace, parent, checkpoint, changed)
        pending = self._native.put(
            thread,
            namespace,
            parent,
            checkpoint["id"],
            checkpoint["ts"],
            _metadata.dumps(
                get_checkpoint_metadata(config, metadata), checkpoint, self.serde
            ),
            checkpoint["channel_versions"],
            checkpoint["versions_seen"],
            None if updated is None else builtins.list(updated),
            new_versions,
            whole,
            appended,
            self._durability,
        )
        if self._trusted and known:
            self._trusted.remember(thread, namespace, known)
        return pending, config_of(configurable["thread_id"], namespace, checkpoint["id"])

    def _encoded(
        self,
        thread: str,
        namespace: str,
        parent: str | None,
        checkpoint: Checkpoint,
        changed: builtins.list[str],
    ) -> tuple[
        builtins.list[tuple[str, str, bytes]],
        builtins.list[tuple[str, builtins.list[tuple[str, bytes]]]],
        Known | None,
    ]:
        """The values of changed channels, what is new of those that only grew, and what to remember of them."""
        values, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
        trusted = self._trusted
        if trusted is None:
            return [self._dumps(channel, values[channel]) for channel in changed], [], None
        last = trusted.known(thread, namespace)
        before = last.lists if last and last.checkpoint_id == parent else {}
        known = Known(checkpoint["id"])
        known.lists = {
            channel: of for channel, of in before.items() if versions.get(channel) == of.version
        }
        whole, appended = [], []
        for channel in changed:
            value, old = values[channel], before.get(channel)
            new = trusted.appended(old, value, self.serde)
            if new is None:
                whole.append(self._dumps(channel, value))
                old = None
            else:
                appended.append((channel, new))
            if (of := trusted.list_of(versions.get(channel), value, self.serde, old)) is not None:
                known.lists[channel] = of
            else:
                known.lists.pop(channel, None)
        return whole, appended, known

    def _put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
    ) -> Pending:
        configurable = configurable_of(config)
        return self._native.put_writes(
            str(configurable["thread_id"]),
            configurable.get("checkpoint_ns", ""),
            configurable["checkpoint_id"],
            task_id,
            task_path,
            [self._dumps(channel, value) for channel, value in writes],
            self._durability,
        )

    def _dumps(self, channel: str, value: Any) -> tuple[str, str, bytes]:
        try:
            tag, data = self.serde.dumps_typed(value)
        except Exception as error:
            if hasattr(error, "add_note"):
                error.add_note(f"while saving channel {channel!r}")
            raise
        return channel, tag, data if type(data) is bytes else bytes(data)

    def _known(self, thread: str, namespace: str) -> Known | None:
        return self._trusted.known(thread, namespace) if self._trusted else None

    def _forget(self, config: RunnableConfig) -> None:
        if self._trusted:
            thread, namespace, _ = address(config)
            self._trusted.forget(thread, namespace)

    def _decoded(self) -> Decoded:
        return Decoded(self.serde, shares=self._trusted is not None)

    def _read(
        self, found: Found, config: RunnableConfig, known: Known | None
    ) -> CheckpointTuple:
        """What was read, with the lists that are known of it."""
        read = self._tuple(found, config)
        if self._trusted is None:
            return read
        thread, namespace, id, versions = found[0], found[1], found[2], found[6]
        values = read.checkpoint["channel_values"]
        if known and known.checkpoint_id == id:
            if any(versions.get(channel) != of.version for channel, of in known.lists.items()):
                # Somebody has put it again.
                self._trusted.forget(thread, namespace)
                again = self._native.get(thread, namespace, id, False, None)
                return self._read(again, config, None) if again else read
            for channel, of in known.lists.items():
                values[channel] = of.messages.copy()
            return read
        fresh = Known(id)
        for channel, value in values.items():
            of_messages = self._trusted.list_of(versions.get(channel), value, self.serde)
            if of_messages is not None:
                fresh.lists[channel] = of_messages
        self._trusted.remember(thread, namespace, fresh)
        return read

    def _tuple(
        self, found: Found, config: RunnableConfig | None, decoded: Decoded | None = None
    ) -> CheckpointTuple:
        (thread, namespace, id, parent, ts, text, versions, seen, updated, values, writes) = found
        metadata, notes = _metadata.loads(text, self.serde)
        loads = self.serde.loads_typed
        if decoded is None:
            channels = {channel: loads((tag, data)) for channel, tag, data in values}
        else:
            channels = {channel: decoded.loads(tag, data) for channel, tag, data in values}
        checkpoint: dict[str, Any] = {
            "v": notes.get("v", _metadata.VERSION),
            "ts": ts,
            "id": id,
            "channel_values": channels,
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
                (task, channel, loads((tag, data))) for task, channel, tag, data in writes
            ],
        )

    def _histories(
        self,
        histories: dict[
            str, tuple[builtins.list[tuple[str, str, str, bytes]], tuple[str, bytes] | None]
        ],
        channels: Sequence[str],
    ) -> Mapping[str, DeltaChannelHistory]:
        loads = self.serde.loads_typed
        result: dict[str, DeltaChannelHistory] = {}
        for name in channels:
            writes, seed = histories[name]
            history: DeltaChannelHistory = {
                "writes": [
                    (task, channel, loads((tag, data))) for task, channel, tag, data in writes
                ]
            }
            if seed is not None:
                history["seed"] = loads(seed)
            result[name] = history
        return result
