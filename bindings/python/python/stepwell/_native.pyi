"""The engine, in bytes. Private: use `Stepwell`, `StepwellSaver` and `StepwellStore`."""

from builtins import list as _list
from collections.abc import Callable
from os import PathLike
from typing import Literal

_Value = tuple[str, bytes]
_Named = tuple[str, str, bytes]
_Versions = dict[str, str | int | float]
Found = tuple[
    str,
    str,
    str,
    str | None,
    str,
    bytes,
    _Versions,
    dict[str, _Versions],
    list[str] | None,
    list[_Named],
    list[tuple[str, str, str, bytes]],
    int,
]
History = tuple[_list[tuple[str, str, str, bytes]], _Value | None]

class Pending:
    @property
    def turn(self) -> int: ...
    def wait(self) -> None: ...
    def poll(self, wake: Callable[[], object]) -> bool: ...

class Listing:
    def next(self) -> Found | None: ...
    def close(self) -> None: ...

class Cutter:
    def __init__(self) -> None: ...
    def cut(self, list: bytes) -> tuple[int, _list[bytes]] | None: ...

class Database:
    @staticmethod
    def open(
        path: str | PathLike[str],
        durability: str,
        read_only: bool,
        cache_bytes: int | None,
    ) -> Database: ...
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...
    def sync(self) -> None: ...
    def get(
        self,
        thread: str,
        namespace: str,
        id: str | None,
        only_warm: bool,
        known: tuple[str, _list[str]] | None,
    ) -> Found | Literal[False] | None: ...
    def list(
        self,
        thread: str | None,
        namespace: str | None,
        before: str | None,
        filter_json: bytes,
        limit: int | None,
    ) -> Listing: ...
    def delta_history(
        self, thread: str, namespace: str, id: str | None, channels: _list[str]
    ) -> dict[str, History]: ...
    def put(
        self,
        thread: str,
        namespace: str,
        parent_id: str | None,
        id: str,
        ts: str,
        metadata_json: bytes,
        channel_versions: _Versions,
        seen: dict[str, _Versions],
        updated: _list[str] | None,
        new_versions: _Versions,
        values: _list[_Named],
        appended: _list[tuple[str, _list[_Value]]],
        appended_since: int,
        durability: str | None,
    ) -> Pending: ...
    def put_writes(
        self,
        thread: str,
        namespace: str,
        checkpoint_id: str,
        task_id: str,
        task_path: str,
        writes: _list[_Named],
        durability: str | None,
        synced: bool,
    ) -> Pending: ...
    def delete_thread(self, thread: str) -> Pending: ...
    def copy_thread(self, source: str, target: str) -> Pending: ...
    def prune(self, threads: _list[str], strategy: str) -> bytes: ...
    def delete_for_runs(self, runs: _list[str]) -> bytes: ...
    def list_threads(self, query_json: bytes) -> bytes: ...
    def apply_retention(self, policy_json: bytes, dry_run: bool) -> bytes: ...
    def keep_retention(self, policy_json: bytes | None, interval: float) -> None: ...
    def set_thread_retention(self, thread: str, policy_json: bytes | None) -> None: ...
    def tag(self, thread: str, namespace: str, name: str, id: str) -> None: ...
    def untag(self, thread: str, namespace: str, name: str) -> None: ...
    def tags(self, thread: str) -> _list[tuple[str, str, str]]: ...
    def backup(self, to: str | PathLike[str]) -> bytes: ...
    def verify(self) -> bytes: ...
    def compact(self) -> bytes: ...
    def stats(self) -> bytes: ...
    def thread_stats(self, thread: str) -> bytes: ...
    def diff(
        self,
        from_: tuple[str, str, str | None],
        to: tuple[str, str, str | None],
    ) -> bytes: ...
    def batch(
        self, ops_json: bytes, dims: int | None, vectors: dict[str, _list[float]]
    ) -> bytes: ...

def _panics() -> None: ...
