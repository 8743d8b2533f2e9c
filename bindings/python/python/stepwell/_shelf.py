"""Messages that are decoded once, and copies of them for whoever asks."""

from __future__ import annotations

import copy
import gc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from typing import Any

from langchain_core.messages import BaseMessage

_CONSTANT = frozenset({str, int, float, bool, type(None)})

_Maker = Callable[[], Any]

_new = object.__new__
_set = object.__setattr__


class Shelf:
    """A list of messages of which any number of copies are wanted.

    A copy shares with its original what cannot change, which is texts and numbers. Made by columns instead of message by
    message, it takes an eighth of the time of decoding, and a tenth of that of `copy.deepcopy`.
    """

    def __init__(self) -> None:
        self.messages: list[BaseMessage] = []
        # Of each message:
        self._types: list[type[BaseMessage]] = []
        self._fields: list[dict[str, Any]] = []
        self._sets: list[set[str]] = []
        self._extras: list[_Maker | None] = []
        self._privates: list[_Maker | None] = []
        # Of each field that can change: whose it is, its name, and what makes a copy of it.
        self._owners: list[int] = []
        self._names: list[str] = []
        self._makers: list[_Maker] = []
        # How many such fields there are up to each message.
        self._ends: list[int] = [0]

    def put(self, kept: int, messages: Sequence[BaseMessage]) -> None:
        """Puts `messages` in the place of all but the first `kept`."""
        of_each: tuple[list[Any], ...] = (
            self.messages,
            self._types,
            self._fields,
            self._sets,
            self._extras,
            self._privates,
        )
        of_fields: tuple[list[Any], ...] = (self._owners, self._names, self._makers)
        del self._ends[kept + 1 :]
        for column in of_each:
            del column[kept:]
        for column in of_fields:
            del column[self._ends[kept] :]
        for message in messages:
            self._add(message)

    def _add(self, message: BaseMessage) -> None:
        fields: dict[str, Any] = vars(message)  # type: ignore[assignment, unused-ignore]
        for name, value in fields.items():
            if type(value) not in _CONSTANT:
                self._owners.append(len(self.messages))
                self._names.append(name)
                self._makers.append(_maker(value))
        extra, private = message.__pydantic_extra__, message.__pydantic_private__
        self.messages.append(message)
        self._types.append(type(message))
        self._fields.append(fields)
        self._sets.append(message.__pydantic_fields_set__)
        self._extras.append(None if extra is None else _maker(extra))
        self._privates.append(None if private is None else _maker(private))
        self._ends.append(len(self._owners))

    def copies(self, count: int) -> list[BaseMessage]:
        """Copies of the first `count` messages. Nobody else has them."""
        with without_collector():
            made = list(map(_new, self._types[:count]))
            fields = list(map(dict.copy, self._fields[:count]))
            end = self._ends[count]
            for owner, name, make in zip(
                self._owners[:end], self._names[:end], self._makers[:end], strict=True
            ):
                fields[owner][name] = make()
            _set_all(made, "__dict__", fields)
            _set_all(made, "__pydantic_fields_set__", map(set.copy, self._sets))
            _set_all(made, "__pydantic_extra__", [of and of() for of in self._extras[:count]])
            _set_all(made, "__pydantic_private__", [of and of() for of in self._privates[:count]])
        return made


def _set_all(objects: list[BaseMessage], name: str, values: Any) -> None:
    # As a deque that keeps nothing runs through it at once.
    deque(map(_set, objects, repeat(name), values), maxlen=0)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keeps the collector of cycles from running, for some milliseconds.

    It runs for every few hundred objects that are made and finds that none of them is garbage, which takes up to three times the
    time of making them.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _maker(value: Any) -> _Maker:
    """What makes a copy of `value` that shares nothing that can change."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return partial(copy.deepcopy, value)
    entries = value.items() if kind is dict else enumerate(value)
    inner = [(place, _maker(of)) for place, of in entries if type(of) not in _CONSTANT]
    made: _Maker = partial(_copied, value, inner) if inner else value.copy
    return made


def _copied(value: Any, inner: list[tuple[Any, _Maker]]) -> Any:
    made = value.copy()
    for place, make in inner:
        made[place] = make()
    return made
