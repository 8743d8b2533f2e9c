"""Between the serializer's bytes and values: what was decoded before is not decoded again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from stepwell._native import Cutter
from stepwell._shelf import Shelf

_SHORT = 512
"""A value of fewer bytes is as soon decoded as cut up."""

_KEPT = 8 << 20
"""So many bytes of lists, as they are encoded, are kept in decoded form for whoever reads them next."""

_Place = tuple[str, str, str]
"""Thread, namespace, channel."""


class Lists:
    """Lists of messages of one channel, of which each is mostly the one before and a little more, or less."""

    def __init__(self, serde: SerializerProtocol, *, shares: bool) -> None:
        self._serde = serde
        self._shares = shares
        self._cutter: Cutter | None = Cutter()
        self._shelf = Shelf()
        self._known: dict[bytes, BaseMessage] = {}
        self.bytes = 0

    def loads(self, data: bytes) -> list[BaseMessage] | None:
        """The messages in an encoded list, or `None` if it is none of messages."""
        if self._cutter is None:
            return None
        cut = self._cutter.cut(data)
        if cut is None:
            return None
        kept, new = cut
        if new:
            messages = self._decoded(new)
            if messages is None:
                # Of what else there is, whole lists are decoded quicker.
                self._cutter = None
                return None
            self._shelf.put(kept, messages)
            self.bytes = max(self.bytes, len(data))
        count = kept + len(new)
        return self._shelf.messages[:count] if self._shares else self._shelf.copies(count)

    def _decoded(self, elements: list[bytes]) -> list[BaseMessage] | None:
        known, loads = self._known, self._serde.loads_typed
        if len(known) > 4 * len(self._shelf.messages) + 1000:
            # Most of it is of lists that are not read any more.
            known.clear()
        messages: list[BaseMessage] = []
        for element in elements:
            message = known.get(element)
            if message is None:
                message = loads(("msgpack", element))
                if not isinstance(message, BaseMessage):
                    return None
                known[element] = message
            messages.append(message)
        return messages


class Decoding:
    """Decodes the values of many checkpoints, and each message that recurs once.

    Everybody gets copies, or, if messages are trusted not to change, the same objects.
    """

    def __init__(self, serde: SerializerProtocol, *, shares: bool) -> None:
        self.serde = serde
        self._shares = shares
        self._lists: dict[_Place, Lists] = {}

    def loads(self, place: _Place, tag: str, data: bytes) -> Any:
        """The value that the serializer made these bytes of."""
        if is_list(self.serde, tag, data):
            lists = self._lists.get(place)
            if lists is None:
                lists = self._lists[place] = Lists(self.serde, shares=self._shares)
            found = lists.loads(data)
            if found is not None:
                return found
        return self.serde.loads_typed((tag, data))


class Recent:
    """Decodes checkpoints that are read one at a time. From the second time on that a thread's is, each message of it is
    decoded once, as long as the thread is among those that were read last.

    Everybody gets copies, or, if messages are trusted not to change, the same objects.
    """

    def __init__(self, serde: SerializerProtocol, *, shares: bool) -> None:
        self.serde = serde
        self._shares = shares
        self._lists: OrderedDict[_Place, Lists | None] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def loads(self, place: _Place, tag: str, data: bytes) -> Any:
        """The value that the serializer made these bytes of."""
        if is_list(self.serde, tag, data):
            lists = self._taken(place)
            if lists is not None:
                found = lists.loads(data)
                self._put(place, lists)
                if found is not None:
                    return found
        return self.serde.loads_typed((tag, data))

    def _taken(self, place: _Place) -> Lists | None:
        """What is known of a place, which nobody else uses meanwhile; `None` if it is read for the first time."""
        with self._lock:
            if place not in self._lists:
                self._lists[place] = None
                if len(self._lists) > _PLACES:
                    self._drop_oldest()
                return None
            lists = self._lists.pop(place)
            self._lists[place] = None
            if lists is None:
                return Lists(self.serde, shares=self._shares)
            self._bytes -= lists.bytes
            return lists

    def _put(self, place: _Place, lists: Lists) -> None:
        with self._lock:
            former = self._lists.pop(place, None)
            self._bytes += lists.bytes - (former.bytes if former else 0)
            self._lists[place] = lists
            while self._bytes > _KEPT and len(self._lists) > 1:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, lists = self._lists.popitem(last=False)
        if lists is not None:
            self._bytes -= lists.bytes


_PLACES = 1024
"""So many places are remembered to have been read."""


def is_list(serde: SerializerProtocol, tag: str, data: bytes) -> bool:
    """Whether these bytes may be a long list that can be cut into its elements."""
    # Another serializer may not encode a list as its elements one after the other.
    return type(serde) is JsonPlusSerializer and tag == "msgpack" and len(data) >= _SHORT
