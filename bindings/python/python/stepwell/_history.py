"""`History`: the checkpoints that `list` selects, read and decoded in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol

from stepwell._asking import Query
from stepwell._shelf import without_collector
from stepwell._tuples import Loads, to_tuple

if TYPE_CHECKING:
    from stepwell._native import Database

_BATCH = 64
"""At most so many checkpoints are read ahead of whoever asks,"""

_BATCH_BYTES = 8 << 20
"""and about so many bytes of values, as they are encoded."""


class History:
    """The checkpoints that are selected, newest first, as they are at the first batch.

    The first batch has one, and each has up to twice as many as the one before: what is decoded and not asked for is at most as much as
    what was.
    """

    def __init__(
        self,
        native: Database,
        query: Query,
        config: RunnableConfig | None,
        serde: SerializerProtocol,
        loads: Loads,
    ) -> None:
        self._query = query
        self._config = config
        self._serde = serde
        self._loads = loads
        self._listing = native.list(*query.native())
        self._size = 1
        self._is_over = False

    def batch(self) -> list[CheckpointTuple]:
        """The next ones; none at the end."""
        batch: list[CheckpointTuple] = []
        while not batch and not self._is_over:
            with without_collector():
                batch = self._selected()
            self._size = min(2 * self._size, _BATCH)
        return batch

    def _selected(self) -> list[CheckpointTuple]:
        """Those of the next ones that are selected."""
        batch: list[CheckpointTuple] = []
        size = 0
        for _ in range(self._size):
            found = None if self._query.is_full() else self._listing.next()
            if found is None:
                self._is_over = True
                break
            listed = to_tuple(found, self._config, self._serde, self._loads)
            if self._query.takes(listed):
                batch.append(listed)
            size += sum(len(data) for _, _, data in found[9])
            if size >= _BATCH_BYTES:
                break
        return batch

    def close(self) -> None:
        """Lets go of the moment."""
        self._listing.close()
