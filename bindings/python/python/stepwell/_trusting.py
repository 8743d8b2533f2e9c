"""Messages that are trusted not to change once they are saved, and are saved, and decoded, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import is_
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.base import SerializerProtocol

from stepwell._growing import Growing, Known
from stepwell.errors import MutatedMessageError

_THREADS = 64
"""Of so many threads and namespaces the lists that were saved or read last are remembered."""


@dataclass
class List:
    """A list of messages as it was saved under a version of its channel."""

    version: Any
    messages: list[BaseMessage]
    digests: list[int]
    """Of their bytes, if they are to be checked."""

    @property
    def bytes(self) -> int:
        """Nothing: whoever has the messages has them anyway."""
        return 0


class Trusted(Growing[List]):
    """What was saved of each thread last: messages in it are not saved, or decoded, again."""

    def __init__(self, *, checks: bool) -> None:
        super().__init__(_THREADS, 0)
        self._checks = checks

    def grown(
        self, before: List | None, version: Any, value: Any, serde: SerializerProtocol
    ) -> tuple[list[tuple[str, bytes]] | None, List | None]:
        """What is new, if all that was saved is still there; and the list."""
        new = self._appended(before, value, serde)
        return new, self._list_of(version, value, serde, before if new is not None else None)

    def read(
        self,
        checkpoint_id: str,
        turn: int,
        values: Mapping[str, Any],
        versions: Mapping[str, Any],
        serde: SerializerProtocol,
    ) -> Known[List]:
        """What there is to know of a checkpoint that was read."""
        known: Known[List] = Known(checkpoint_id, turn)
        for channel, value in values.items():
            if (of := self._list_of(versions.get(channel), value, serde)) is not None:
                known.lists[channel] = of
        return known

    def _appended(
        self, before: List | None, value: Any, serde: SerializerProtocol
    ) -> list[tuple[str, bytes]] | None:
        """What `value` has more than the list before, encoded; `None` if it has to be saved whole."""
        if before is None or type(value) is not list or len(value) <= len(before.messages):
            return None
        if not all(map(is_, before.messages, value)):
            return None
        if self._checks:
            _require_unchanged(before, serde)
        new = value[len(before.messages) :]
        if not all(isinstance(message, BaseMessage) for message in new):
            return None
        encoded = [serde.dumps_typed(message) for message in new]
        return encoded if all(tag == "msgpack" for tag, _ in encoded) else None

    def _list_of(
        self,
        version: Any,
        value: Any,
        serde: SerializerProtocol,
        before: List | None = None,
    ) -> List | None:
        """`value` as what to remember, if it is a list of messages. `before` is one that it begins with."""
        start = len(before.messages) if before else 0
        if type(value) is not list or not all(
            isinstance(message, BaseMessage) for message in value[start:]
        ):
            return None
        digests = list(before.digests) if before else []
        if self._checks:
            digests += [hash(serde.dumps_typed(message)) for message in value[start:]]
        return List(version, value.copy(), digests)


def _require_unchanged(known: List, serde: SerializerProtocol) -> None:
    for place, (message, digest) in enumerate(zip(known.messages, known.digests, strict=True)):
        if hash(serde.dumps_typed(message)) != digest:
            raise MutatedMessageError(
                f"message {place} ({message.id!r}) was changed after it was saved; put a changed copy in its place, or "
                "open the checkpointer without trust_messages"
            )
