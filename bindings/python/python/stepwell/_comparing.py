"""Messages that may have been changed since they were saved: they are compared with what they were.

The serializer takes most of a message's time to find out what it is made of. To encode the fields alone takes a fifth of that, and if they are
the same as before, so is the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from stepwell._growing import Growing

_THREADS = 1024

_BYTES = 16 << 20
"""So many bytes of fields are kept, as they are encoded."""

_extra = attrgetter("__pydantic_extra__")


@dataclass
class Fields:
    """The fields of a list of messages, encoded, when it was saved."""

    version: Any
    types: list[type]
    encoded: bytes
    """Of one message after the other."""

    @property
    def bytes(self) -> int:
        """How much memory it is to be counted with."""
        return len(self.encoded)


class Compared(Growing[Fields]):
    """Finds which messages are the same as when they were saved."""

    def __init__(self) -> None:
        super().__init__(_THREADS, _BYTES)

    def grown(
        self, before: Fields | None, version: Any, value: Any, serde: SerializerProtocol
    ) -> tuple[list[tuple[str, bytes]] | None, Fields | None]:
        """What is new, if nothing else has changed; and the fields of all."""
        fields = _fields(version, value, serde)
        if before is None or fields is None:
            return None, fields
        count = len(before.types)
        if (
            len(value) <= count
            or fields.types[:count] != before.types
            or not fields.encoded.startswith(before.encoded)
        ):
            return None, fields
        new = [serde.dumps_typed(message) for message in value[count:]]
        return (new if all(tag == "msgpack" for tag, _ in new) else None), fields


def _fields(version: Any, value: Any, serde: SerializerProtocol) -> Fields | None:
    """The fields of a list of messages; `None` if `value` is something else, or if nothing can be said of how it is encoded."""
    # Another serializer may not encode a list as its elements one after the other.
    if type(value) is not list or not value or type(serde) is not JsonPlusSerializer:
        return None
    types = list(map(type, value))
    if not all(map(_is_known, set(types))):
        return None
    try:
        tag, encoded = serde.dumps_typed(list(zip(map(vars, value), map(_extra, value))))
    except Exception:
        # Whoever saves it whole is told.
        return None
    if tag != "msgpack":
        return None
    return Fields(version, types, encoded[_length_of_header(len(value)) :])


def _is_known(kind: type) -> bool:
    """Whether nothing but its fields says how a message of this type is encoded."""
    return issubclass(kind, BaseMessage) and kind.__module__.startswith(_LANGCHAIN)


_LANGCHAIN = "langchain_core.messages."


def _length_of_header(count: int) -> int:
    """Of a list with so many elements, in MessagePack."""
    return 1 if count < 16 else 3 if count < 1 << 16 else 5
