"""`Opening`: what `from_conn_string` returns, for `with` and for `async with`."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from stepwell._waiting import in_thread

if TYPE_CHECKING:
    from stepwell.database import Stepwell

T = TypeVar("T")


class Opening(Generic[T]):
    """Opens a database when it is entered, and closes it when it is left."""

    def __init__(self, opened: Callable[[], tuple[T, Stepwell]]) -> None:
        self._opened = opened
        self._open: list[Stepwell] = []

    def __enter__(self) -> T:
        value, db = self._opened()
        self._open.append(db)
        return value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.pop().close()

    async def __aenter__(self) -> T:
        return await in_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await in_thread(self._open.pop().close)
