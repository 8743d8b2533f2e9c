"""Lists of messages: each message decoded once, and saved once if it is trusted not to change."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass, field
from operator import is_
from threading import Lock
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from stepwell._native import split_list
from stepwell.errors import MutatedMessageError

_THREADS = 64
"""Of so many threads and namespaces the lists that were saved or read last are remembered."""

_SHORT = 512
"""A value of fewer bytes is as soon decoded as cut up."""

_CONSTANT = frozenset({str, int, float, bool, type(None)})


class Decoded:
    """Decodes the values of many checkpoints, and each message that recurs once.

    Everybody gets copies, or, if messages are trusted not to change, the same objects.
    """

    def __init__(self, serde: SerializerProtocol, *, shares: bool) -> None:
        self._serde = serde
        # Another one may not encode a list as its elements one after the other.
        self._cuts = type(serde) is JsonPlusSerializer
        self._shares = shares
        self._messages: dict[bytes, BaseMessage] = {}

    def loads(self, tag: str, data: bytes) -> Any:
        """The value that the serializer made these bytes of."""
        if self._cuts and tag == "msgpack" and len(data) >= _SHORT:
            elements = split_list(data)
            if elements is not None:
                known = self._messages.get
                return [
                    self._own(found) if (found := known(element)) is not None else self._new(element)
                    for element in elements
                ]
        return self._serde.loads_typed((tag, data))

    def _new(self, element: bytes) -> Any:
        found = self._serde.loads_typed(("msgpack", element))
        if not isinstance(found, BaseMessage):
            return found
        self._messages[element] = found
        return self._own(found)

    def _own(self, message: BaseMessage) -> BaseMessage:
        return message if self._shares else copied(message)


def copied(message: BaseMessage) -> BaseMessage:
    """A copy that shares nothing that can change. A tenth of the work of `copy.deepcopy`."""
    made = object.__new__(type(message))
    fields = message.__dict__.copy()
    for name, value in fields.items():
        kind = type(value)
        # Most are of these, and most lists and dicts are empty.
        if kind in _CONSTANT:
            continue
        if kind is dict and not value:
            fields[name] = {}
        elif kind is list and not value:
            fields[name] = []
        else:
            fields[name] = _copied(value)
    object.__setattr__(made, "__dict__", fields)
    extra, private = message.__pydantic_extra__, message.__pydantic_private__
    object.__setattr__(made, "__pydantic_fields_set__", message.__pydantic_fields_set__.copy())
    object.__setattr__(made, "__pydantic_extra__", None if extra is None else _copied(extra))
    object.__setattr__(made, "__pydantic_private__", None if private is None else _copied(private))
    return made


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in _CONSTANT:
        return value
    if kind is dict:
        return {name: _copied(of) for name, of in value.items()}
    if kind is list:
        return [_copied(of) for of in value]
    return copy.deepcopy(value)


@dataclass
class _List:
    """A list of messages as it was saved under a version of its channel."""

    version: Any
    messages: list[BaseMessage]
    digests: list[int]
    """Of their bytes, if they are to be checked."""


@dataclass
class _Known:
    """The lists of messages of a checkpoint."""

    checkpoint_id: str
    lists: dict[str, _List] = field(default_factory=dict)


class Trusted:
    """What was saved of each thread last: messages in it are not saved, or decoded, again."""

    def __init__(self, *, checks: bool) -> None:
        self._checks = checks
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._lock = Lock()

    def known(self, thread: str, namespace: str) -> _Known | None:
        """The last checkpoint of a thread."""
        with self._lock:
            found = self._known.get((thread, namespace))
            if found is not None:
                self._known.move_to_end((thread, namespace))
            return found

    def remember(self, thread: str, namespace: str, known: _Known) -> None:
        """Takes the place of what was known of the thread."""
        with self._lock:
            self._known[thread, namespace] = known
            self._known.move_to_end((thread, namespace))
            if len(self._known) > _THREADS:
                self._known.popitem(last=False)

    def forget(self, thread: str, namespace: str) -> None:
        """Nothing is known of the thread any more."""
        with self._lock:
            self._known.pop((thread, namespace), None)

    def appended(
        self, before: _List | None, value: Any, serde: SerializerProtocol
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

    def list_of(
        self,
        version: Any,
        value: Any,
        serde: SerializerProtocol,
        before: _List | None = None,
    ) -> _List | None:
        """`value` as what to remember, if it is a list of messages. `before` is one that it begins with."""
        start = len(before.messages) if before else 0
        if type(value) is not list or not all(
            isinstance(message, BaseMessage) for message in value[start:]
        ):
            return None
        digests = list(before.digests) if before else []
        if self._checks:
            digests += [hash(serde.dumps_typed(message)) for message in value[start:]]
        return _List(version, value.copy(), digests)


def _require_unchanged(known: _List, serde: SerializerProtocol) -> None:
    for place, (message, digest) in enumerate(zip(known.messages, known.digests, strict=True)):
        if hash(serde.dumps_typed(message)) != digest:
            raise MutatedMessageError(
                f"message {place} ({message.id!r}) was changed after it was saved; put a changed copy in its place, or "
                "open the checkpointer without trust_messages"
            )


Known = _Known
"""For whoever remembers."""
