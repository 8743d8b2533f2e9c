"""`StepwellSaver`: LangGraph's checkpoints in a Stepwell database."""

from __future__ import annotations

import builtins
import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from stepwell._asking import Query, address, names
from stepwell._comparing import Compared
from stepwell._decoding import Decoding, Recent
from stepwell._growing import Known
from stepwell._history import History
from stepwell._opening import Opening
from stepwell._trusting import List, Trusted
from stepwell._tuples import to_histories, to_tuple
from stepwell._waiting import acknowledged, in_thread
from stepwell._whole_threads import WholeThreads
from stepwell._writing import Put, submitted_writes

if TYPE_CHECKING:
    from stepwell._native import Found, Pending
    from stepwell.database import Stepwell


class StepwellSaver(WholeThreads):
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
        self._compared = Compared()
        self._recent = Recent(self.serde, shares=bool(trust_messages))

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

        Nobody waits for whoever pauses in the middle. Of what is not asked for, at most as much is decoded as of what was.
        """
        history = self._history(config, Query(config, filter, before, limit))
        try:
            while batch := history.batch():
                yield from batch
        finally:
            history.close()

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
        history = await in_thread(self._history, config, query)
        try:
            while batch := await in_thread(history.batch):
                for listed in batch:
                    yield listed
        finally:
            history.close()

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What a checkpoint's ancestors have written to `channels` since their last whole value, and that value."""
        histories = self._native.delta_history(*address(config), builtins.list(channels))
        return to_histories(histories, channels, self.serde)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As `get_delta_channel_history`."""
        histories = await in_thread(
            self._native.delta_history, *address(config), builtins.list(channels)
        )
        return to_histories(histories, channels, self.serde)

    # ---- writing -----------------------------------------------------------------

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Saves a checkpoint. What is in it is made bytes of before this returns, and is durable then."""
        put = self._put(config, checkpoint, metadata, new_versions)
        put.wait()
        return put.saved

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `put`. It is submitted at once; the loop goes on until it is acknowledged."""
        put = self._put(config, checkpoint, metadata, new_versions)
        await put.acknowledged()
        return put.saved

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Saves what a task has written; its checkpoint may come later.

        It survives a kill of the process when this returns. It is on the disk with the next checkpoint, at the latest some
        milliseconds later; a question (`interrupt`), an answer and an error are when this returns.
        """
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
    ) -> Put:
        return Put(
            self._native,
            self.serde,
            self._trusted or self._compared,
            self._durability,
            config,
            checkpoint,
            metadata,
            new_versions,
        )

    def _put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
    ) -> Pending:
        return submitted_writes(
            self._native, self.serde, self._durability, config, writes, task_id, task_path
        )

    def _known(self, thread: str, namespace: str) -> Known[List] | None:
        return self._trusted.known(thread, namespace) if self._trusted else None

    def _history(self, config: RunnableConfig | None, query: Query) -> History:
        decoding = Decoding(self.serde, shares=self._trusted is not None)
        return History(self._native, query, config, self.serde, decoding.loads)

    def _read(
        self, found: Found, config: RunnableConfig, known: Known[List] | None
    ) -> CheckpointTuple:
        """What was read, with the lists that are known of it."""
        serde, trusted = self.serde, self._trusted
        if self._recent.serde is not serde:
            # Another one may refuse what this one made.
            self._recent = Recent(serde, shares=trusted is not None)
        read = to_tuple(found, config, serde, self._recent.loads)
        if trusted is None:
            return read
        thread, namespace, id, versions, turn = found[0], found[1], found[2], found[6], found[11]
        values = read.checkpoint["channel_values"]
        if known and known.checkpoint_id == id:
            is_same = all(versions.get(channel) == of.version for channel, of in known.lists.items())
            if is_same and known.turn == turn:
                values.update({channel: of.messages.copy() for channel, of in known.lists.items()})
                return read
            # Somebody has put it again.
            trusted.forget(thread, namespace)
            again = self._native.get(thread, namespace, id, False, None)
            return self._read(again, config, None) if again else read
        # Of an older one than is known nothing is to be remembered instead.
        if turn and (known is None or known.checkpoint_id < id):
            trusted.remember(thread, namespace, trusted.read(id, turn, values, versions, serde))
        return read
