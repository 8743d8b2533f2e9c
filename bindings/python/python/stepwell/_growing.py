"""Lists of messages that only grew since they were saved: what is new of them is saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from langgraph.checkpoint.serde.base import SerializerProtocol


class Saved(Protocol):
    """A list as it was saved under a version of its channel."""

    @property
    def version(self) -> Any:
        """Of its channel."""
        ...

    @property
    def bytes(self) -> int:
        """How much memory it is to be counted with."""
        ...


L = TypeVar("L", bound=Saved)

_Appended = list[tuple[str, bytes]]


@dataclass
class Known(Generic[L]):
    """The lists of messages of a checkpoint."""

    checkpoint_id: str
    turn: int = 0
    """Of the namespace, when they were saved or read: as long as it is the same, nobody has put a checkpoint since."""
    lists: dict[str, L] = field(default_factory=dict)

    def bytes(self) -> int:
        """What all of it is counted with."""
        return sum(of.bytes for of in self.lists.values())


class Growing(ABC, Generic[L]):
    """The lists of messages that were saved of each thread last."""

    def __init__(self, threads: int, bytes: int) -> None:
        """Remembers those of at most so many threads and namespaces, with at most so many bytes."""
        self._threads = threads
        self._limit = bytes
        self._known: OrderedDict[tuple[str, str], Known[L]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def known(self, thread: str, namespace: str) -> Known[L] | None:
        """What is known of a thread's last checkpoint."""
        with self._lock:
            found = self._known.get((thread, namespace))
            if found is not None:
                self._known.move_to_end((thread, namespace))
            return found

    def remember(self, thread: str, namespace: str, known: Known[L]) -> None:
        """Takes the place of what was known of the thread."""
        with self._lock:
            self._drop(self._known.pop((thread, namespace), None))
            self._known[thread, namespace] = known
            self._bytes += known.bytes()
            while len(self._known) > 1 and (
                len(self._known) > self._threads or self._bytes > self._limit
            ):
                self._drop(self._known.popitem(last=False)[1])

    def forget(self, thread: str, namespace: str) -> None:
        """Nothing is known of the thread any more."""
        with self._lock:
            self._drop(self._known.pop((thread, namespace), None))

    def _drop(self, known: Known[L] | None) -> None:
        self._bytes -= known.bytes() if known else 0

    @abstractmethod
    def grown(
        self, before: L | None, version: Any, value: Any, serde: SerializerProtocol
    ) -> tuple[_Appended | None, L | None]:
        """What `value` has more than the list before, each element encoded, or `None` if it has to be saved whole; and what to
        remember of it, if it is a list of messages."""
