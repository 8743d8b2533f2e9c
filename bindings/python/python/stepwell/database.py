"""`Stepwell`: one database, with its checkpoints and its store."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.store.base import IndexConfig, TTLConfig

from stepwell._asking import address, configurable_of
from stepwell._native import Database
from stepwell.reports import (
    BackupReport,
    CompactionReport,
    PruneReport,
    Retention,
    Stats,
    Tag,
    ThreadInfo,
    ThreadStats,
    VerifyReport,
)

if TYPE_CHECKING:
    from stepwell.saver import StepwellSaver
    from stepwell.store import StepwellStore


class Stepwell:
    """An open database: one directory for checkpoints and long-term memory.

    ```python
    with Stepwell.open("agent.stepwell") as db:
        graph = builder.compile(checkpointer=db.checkpointer(), store=db.store())
    ```

    Opened twice in one process, both handles share one engine. A second process gets `DatabaseLockedError`, which says
    who has it open, unless it opens it `read_only`.
    """

    def __init__(self, native: Database) -> None:
        """For `Stepwell.open`."""
        self.native = native

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        durability: str | float = "sync",
        read_only: bool = False,
        cache_bytes: int | None = None,
    ) -> Stepwell:
        """Opens the database in the directory `path`, and makes one if there is none.

        Args:
            path: The directory.
            durability: When a write counts as done. `"sync"`: when it is on the disk, and survives a power cut. A
                number: when it is written, and survives a kill of the process; the disk has it so many seconds later.
                `"os"`: when it is written; the system decides when the disk has it.
            read_only: To look at a database that another process may be writing to, as it is now.
            cache_bytes: About how much memory is for values that were saved and read last; 32 MiB by default.
        """
        return cls(Database.open(path, str(durability), read_only, cache_bytes))

    def close(self) -> None:
        """Closes this handle. The last one on the database writes everything out."""
        self.native.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.native.closed

    def __enter__(self) -> Stepwell:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def checkpointer(
        self,
        *,
        serde: SerializerProtocol | None = None,
        durability: str | float | None = None,
        trust_messages: bool | Literal["check"] = False,
    ) -> StepwellSaver:
        """A checkpointer for LangGraph's graphs; see `StepwellSaver`."""
        from stepwell.saver import StepwellSaver

        return StepwellSaver(
            self, serde=serde, durability=durability, trust_messages=trust_messages
        )

    def store(
        self, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None
    ) -> StepwellStore:
        """A store for LangGraph's graphs; see `StepwellStore`."""
        from stepwell.store import StepwellStore

        return StepwellStore(self, index=index, ttl=ttl)

    # ---- threads -------------------------------------------------------------------

    def list_threads(
        self,
        *,
        prefix: str = "",
        filter: dict[str, Any] | None = None,
        status: Literal["idle", "interrupted", "unfinished"] | None = None,
        order: Literal["updated", "name"] = "updated",
        after: str | None = None,
        limit: int | None = None,
    ) -> list[ThreadInfo]:
        """The threads, the last updated one first.

        Args:
            prefix: Only threads whose id begins so.
            filter: Only those whose latest checkpoint has these entries in its metadata.
            status: Only those with this status.
            order: By the time of the last checkpoint, or by name.
            after: Only what comes after the thread with this `cursor`.
            limit: At most so many.
        """
        query = {
            "prefix": prefix,
            "filter": filter or {},
            "status": status,
            "by_name": order == "name",
            "after": after,
            "limit": limit,
        }
        found = json.loads(self.native.list_threads(json.dumps(query).encode()))
        return [ThreadInfo._of(of) for of in found]

    def fork(self, config: RunnableConfig, thread_id: str) -> RunnableConfig:
        """Gives the new thread `thread_id` the history of another one, and returns where in it `config` stands.

        That costs one small record, however long the history is. Running from the returned config continues from that
        checkpoint.
        """
        configurable = configurable_of(config)
        self.native.copy_thread(str(configurable["thread_id"]), thread_id).wait()
        return {"configurable": {**configurable, "thread_id": thread_id}}

    def diff(self, before: RunnableConfig, after: RunnableConfig) -> dict[str, Any]:
        """What differs between two checkpoints: channels, metadata, pending writes, and which nodes ran."""
        found: dict[str, Any] = json.loads(
            self.native.diff(address(before), address(after))
        )
        return found

    def tag(self, config: RunnableConfig, name: str) -> None:
        """Gives the checkpoint of `config` a name, which keeps it from being pruned."""
        thread, namespace, checkpoint_id = address(config)
        if checkpoint_id is None:
            raise ValueError("tag a checkpoint: its config has a checkpoint_id")
        self.native.tag(thread, namespace, name, checkpoint_id)

    def untag(self, thread_id: str, name: str, *, checkpoint_ns: str = "") -> None:
        """Takes a name back. One that is not there is no error."""
        self.native.untag(thread_id, checkpoint_ns, name)

    def tags(self, thread_id: str) -> list[Tag]:
        """The names of a thread's checkpoints."""
        found = self.native.tags(thread_id)
        return [Tag(name, namespace, id) for namespace, name, id in found]

    def apply_retention(self, policy: Retention, *, dry_run: bool = False) -> PruneReport:
        """Removes what is not to be kept of any thread, or tells what that would be."""
        done = self.native.apply_retention(_policy(policy), dry_run)
        return PruneReport(**json.loads(done))

    def keep_retention(self, policy: Retention | None, *, interval: float = 60.0) -> None:
        """Has the background apply `policy` every `interval` seconds until the database is closed; `None` ends that."""
        self.native.keep_retention(_policy(policy) if policy else None, interval)

    def set_thread_retention(self, thread_id: str, policy: Retention | None) -> None:
        """Says how much of one thread is kept, in the place of what holds for all."""
        self.native.set_thread_retention(thread_id, _policy(policy) if policy else None)

    # ---- the whole -----------------------------------------------------------------

    def sync(self) -> None:
        """Blocks until everything that was written is on the disk."""
        self.native.sync()

    def backup(self, to: str | os.PathLike[str]) -> BackupReport:
        """Makes or brings up to date a backup in the directory `to`, while reading and writing go on.

        Opening it restores it.
        """
        return BackupReport(**json.loads(self.native.backup(to)))

    def verify(self) -> VerifyReport:
        """Reads and checks everything, while reading and writing go on."""
        return VerifyReport(**json.loads(self.native.verify()))

    def compact(self) -> CompactionReport:
        """Gives back the space of what was deleted, and compresses the rest. The background does so by itself, later."""
        return CompactionReport(**json.loads(self.native.compact()))

    def stats(self) -> Stats:
        """Figures of the database."""
        return Stats(**json.loads(self.native.stats()))

    def thread_stats(self, thread_id: str) -> ThreadStats | None:
        """Figures of a thread, by channel. Reads the thread."""
        found = json.loads(self.native.thread_stats(thread_id))
        return found and ThreadStats._of(found)


def _policy(policy: Retention) -> bytes:
    return json.dumps(asdict(policy)).encode()
