"""What the database tells about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any


@dataclass(frozen=True)
class ThreadInfo:
    """A thread as a whole."""

    thread_id: str
    status: str | None
    """`idle`, `interrupted` or `unfinished`; `None` if it has no checkpoint of the root graph."""
    details: dict[str, Any] | None
    """What it waits for, or how it failed, and which nodes are still to run."""
    created: datetime
    updated: datetime
    checkpoints: int
    namespaces: int
    bytes: int
    cursor: str
    """Its place in the list: `after` for the next page."""

    @classmethod
    def _of(cls, found: dict[str, Any]) -> ThreadInfo:
        details = found["status"]
        return cls(
            thread_id=found["thread_id"],
            status=details and details["status"],
            details=details,
            created=_time(found["created"]),
            updated=_time(found["updated"]),
            checkpoints=found["checkpoints"],
            namespaces=found["namespaces"],
            bytes=found["bytes"],
            cursor=found["cursor"],
        )


@dataclass(frozen=True)
class Retention:
    """What of a thread goes with time. The default keeps everything.

    The latest checkpoint of each namespace stays, and so do those with a tag; every value of what stays stays too.
    """

    keep_last: int | None = None
    """The latest so many checkpoints of each namespace stay; if `older_than` is set, younger ones do as well."""
    older_than: float | None = None
    """Checkpoints go that are older than so many seconds, but for the `keep_last` latest."""
    finished_subgraphs: bool = False
    """What subgraphs without memory of their own have left goes once their caller has gone on."""
    idle: float | None = None
    """A thread goes that got no checkpoint for so many seconds, unless it has a tag."""


@dataclass(frozen=True)
class PruneReport:
    """What was removed, or would be."""

    threads: int
    deleted_threads: int
    checkpoints: int
    bytes: int


@dataclass(frozen=True)
class BackupReport:
    """What a backup took: segments that were there, were linked, were copied."""

    unchanged: int
    linked: int
    copied: int
    copied_bytes: int


@dataclass(frozen=True)
class CompactionReport:
    """What a compaction has done, in bytes of files."""

    bytes_before: int
    bytes_after: int
    incomplete: bool


@dataclass(frozen=True)
class VerifyReport:
    """What was checked, and what is wrong."""

    is_clean: bool
    records: int
    checkpoints: int
    items: int
    values: int
    index_compared: bool
    found: int
    findings: list[dict[str, Any]]


@dataclass(frozen=True)
class Stats:
    """Figures of a database."""

    threads: int
    checkpoints: int
    items: int
    log_bytes: int
    dead_bytes: int
    """Of the log, what the next compaction can give back."""
    index_bytes: int
    cache_bytes: int
    cache_hits: int
    cache_misses: int


@dataclass(frozen=True)
class ValueStats:
    """Stored values: how many, and the bytes that they take in the log."""

    values: int
    bytes: int
    shared_bytes: int


@dataclass(frozen=True)
class ThreadStats:
    """Figures of a thread."""

    checkpoints: int
    bytes: int
    shared_bytes: int
    """What other threads need as well, as one was copied from the other."""
    channels: dict[str, ValueStats]
    writes: ValueStats

    @classmethod
    def _of(cls, found: dict[str, Any]) -> ThreadStats:
        return cls(
            checkpoints=found["checkpoints"],
            bytes=found["bytes"],
            shared_bytes=found["shared_bytes"],
            channels={name: ValueStats(**of) for name, of in found["channels"].items()},
            writes=ValueStats(**found["writes"]),
        )


@dataclass(frozen=True)
class Tag:
    """A name of a checkpoint, which keeps it from being pruned."""

    name: str
    namespace: str
    checkpoint_id: str


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
