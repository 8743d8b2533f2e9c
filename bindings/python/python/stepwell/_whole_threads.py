"""`WholeThreads`: what a checkpointer does to threads as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from stepwell._asking import texts
from stepwell._waiting import acknowledged, in_thread

if TYPE_CHECKING:
    from stepwell._native import Database


class WholeThreads(BaseCheckpointSaver[Any]):
    """Deletes, copies and prunes threads."""

    _native: Database

    def delete_thread(self, thread_id: str) -> None:
        """Deletes a thread. What a run that goes on writes to it afterwards does not bring it back."""
        self._native.delete_thread(str(thread_id)).wait()

    async def adelete_thread(self, thread_id: str) -> None:
        """As `delete_thread`."""
        await acknowledged(self._native.delete_thread(str(thread_id)))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Deletes the checkpoints of these runs, in all threads."""
        self._native.delete_for_runs(texts(run_ids, "run_ids"))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As `delete_for_runs`."""
        await in_thread(self.delete_for_runs, run_ids)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Gives a thread the history of another one, whatever that is at the cost of one small record."""
        self._native.copy_thread(str(source_thread_id), str(target_thread_id)).wait()

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As `copy_thread`."""
        pending = self._native.copy_thread(str(source_thread_id), str(target_thread_id))
        await acknowledged(pending)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Removes all but the latest checkpoint of each namespace (`keep_latest`), or the threads (`delete`).

        What stays stays whole: values of a `DeltaChannel` keep the checkpoints that they are made of.
        """
        self._native.prune(texts(thread_ids, "thread_ids"), strategy)

    async def aprune(
        self, thread_ids: Sequence[str], *, strategy: str = "keep_latest"
    ) -> None:
        """As `prune`."""
        await in_thread(self.prune, thread_ids, strategy=strategy)
