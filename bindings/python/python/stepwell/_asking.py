"""What a checkpointer is asked: configs, ids, and what `list` selects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, get_checkpoint_id

from stepwell._growing import Known
from stepwell._metadata import is_native
from stepwell.errors import InvalidRequestError


def configurable_of(config: RunnableConfig) -> dict[str, Any]:
    """What a config says beyond LangChain's own, which may be nothing for its types."""
    configurable = config.get("configurable")
    if configurable is None:
        raise InvalidRequestError("the config has no `configurable`; give it one with a `thread_id`")
    return configurable


def _is_exact(value: Any) -> bool:
    """Whether JSON and Python agree on what equals it. Others are compared here."""
    return type(value) in (str, bool) or (type(value) is int and is_native(value))


class Query:
    """What `list` was asked: what the engine can be asked of it, and the rest."""

    def __init__(
        self,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> None:
        configurable = configurable_of(config) if config else {}
        self.thread = str(configurable["thread_id"]) if config else None
        self.namespace: str | None = configurable.get("checkpoint_ns")
        self.id = configurable.get("checkpoint_id")
        self.before = get_checkpoint_id(before) if before else None
        self.exact = {k: v for k, v in (filter or {}).items() if _is_exact(v)}
        self.rest = {k: v for k, v in (filter or {}).items() if not _is_exact(v)}
        self.limit = limit

    def native(self) -> tuple[str | None, str | None, str | None, bytes, int | None]:
        """The arguments of the engine's `list`."""
        # The one that is wanted is the first at or before its id.
        before = self.before
        if self.id:
            before = min(self.id + "\0", before) if before else self.id + "\0"
        is_exact = not self.rest and not self.id
        return (
            self.thread,
            self.namespace,
            before,
            json.dumps(self.exact).encode(),
            self.limit if is_exact else None,
        )

    def takes(self, found: CheckpointTuple) -> bool:
        """Whether a checkpoint is selected; it counts then."""
        if self.id and configurable_of(found.config)["checkpoint_id"] != self.id:
            return False
        metadata = cast(Mapping[str, Any], found.metadata)
        if any(metadata.get(key) != value for key, value in self.rest.items()):
            return False
        if self.limit is not None:
            self.limit -= 1
        return True

    def is_full(self) -> bool:
        """Whether as many were selected as were asked for."""
        return self.limit is not None and self.limit <= 0


def address(config: RunnableConfig) -> tuple[str, str, str | None]:
    """Thread, namespace and checkpoint id."""
    configurable = configurable_of(config)
    return (
        str(configurable["thread_id"]),
        configurable.get("checkpoint_ns", ""),
        get_checkpoint_id(config) or None,
    )


def names(known: Known[Any] | None) -> tuple[str, list[str]] | None:
    """The id of a checkpoint and its channels of which the values are known."""
    return (known.checkpoint_id, list(known.lists)) if known and known.lists else None


def config_of(thread_id: Any, namespace: str, checkpoint_id: str) -> RunnableConfig:
    """The config of a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": namespace,
            "checkpoint_id": checkpoint_id,
        }
    }


def texts(ids: Sequence[str], what: str) -> list[str]:
    """Ids as texts."""
    if isinstance(ids, str):
        raise InvalidRequestError(f"{what} is a sequence of ids, not a str")
    return [str(of) for of in ids]
