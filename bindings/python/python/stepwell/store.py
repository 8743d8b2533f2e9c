"""`StepwellStore`: LangGraph's long-term memory in a Stepwell database."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)

from stepwell._meaning import Meaning, Vectors
from stepwell._opening import Opening
from stepwell._waiting import in_thread
from stepwell.errors import InvalidRequestError

if TYPE_CHECKING:
    from stepwell.database import Stepwell

_ALL = (1 << 53) - 1
"""More than there are."""

_MINUTE = 60.0

_LONG = re.compile(r"[0-9]{19}")
"""What a whole number of more than 64 bits has, and few texts."""


class StepwellStore(BaseStore):
    """Remembers items across threads, in the same database as the checkpoints.

    All of a batch happens at once or not at all. Filters know, besides LangGraph's operators, paths (`address.city`) and
    `$in $nin $exists $contains $and $or $not`. Items that have expired are never found. Items come by the time of their
    last put, newest first, as from LangGraph's SQL stores.

    ```python
    with Stepwell.open("agent.stepwell") as db:
        store = db.store(index={"dims": 1536, "embed": embeddings})
    ```
    """

    supports_ttl = True

    def __init__(
        self,
        db: Stepwell,
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        """A store on an open database.

        Args:
            db: The database. The store does not close it.
            index: How to search by meaning: `embed` (LangChain `Embeddings` or a function), `dims`, `fields`.
            ttl: How long items are kept, in minutes, and whether reading refreshes that.
        """
        self.db = db
        self._native = db.native
        self.ttl_config = ttl
        self.index_config = index
        self._meaning = Meaning(index) if index else None

    @classmethod
    def from_conn_string(
        cls,
        conn_string: str | os.PathLike[str],
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        durability: str | float = "sync",
    ) -> Opening[StepwellStore]:
        """Opens the database in the directory `conn_string`, for `with` or `async with`."""
        from stepwell.database import Stepwell

        def opened() -> tuple[StepwellStore, Stepwell]:
            db = Stepwell.open(conn_string, durability=durability)
            return cls(db, index=index, ttl=ttl), db

        return Opening(opened)

    def setup(self) -> None:
        """Does nothing: there is nothing to set up. Other stores have it."""

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Does all of `ops`. What reads sees the store as it was before; of several puts of a key the last counts."""
        batch = list(ops)
        meaning = self._meaning
        vectors = meaning.queries(batch) if meaning else {}
        while isinstance(done := self._done(batch, vectors), _Missing):
            vectors.update(done.of.texts(done.texts))
        return done

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`; the loop goes on meanwhile."""
        batch = list(ops)
        meaning = self._meaning
        vectors = await meaning.aqueries(batch) if meaning else {}
        while isinstance(done := await in_thread(self._done, batch, vectors), _Missing):
            vectors.update(await done.of.atexts(done.texts))
        return done

    def _done(self, ops: Sequence[Op], vectors: Vectors) -> list[Result] | _Missing:
        """The answers, or, before anything is done, the texts of which vectors are missing."""
        meaning = self._meaning
        asked = json.dumps([_asked(op, meaning) for op in ops])
        if _LONG.search(asked):
            _refuse_long(ops)
        # Before the first vector is made, there is none to be compared with.
        dims = (meaning.dims or 1) if meaning else None
        answers = json.loads(self._native.batch(asked.encode(), dims, vectors))
        if meaning and isinstance(answers, dict):
            return _Missing(meaning, answers["missing"])
        return [_result(op, answer) for op, answer in zip(ops, answers, strict=True)]


class _Missing(NamedTuple):
    """Texts of items that have no vectors yet."""

    of: Meaning
    texts: list[str]


def _asked(op: Op, meaning: Meaning | None) -> dict[str, Any]:
    """An operation as the engine takes it."""
    if isinstance(op, GetOp):
        return {
            "op": "get",
            "namespace": op.namespace,
            "key": op.key,
            "refresh_ttl": op.refresh_ttl,
        }
    if isinstance(op, PutOp):
        if op.value is None:
            return {"op": "delete", "namespace": op.namespace, "key": op.key}
        return {
            "op": "put",
            "namespace": op.namespace,
            "key": op.key,
            "value": op.value,
            "texts": meaning.paths(op) if meaning else [],
            "ttl": None if op.ttl is None else op.ttl * _MINUTE,
        }
    if isinstance(op, SearchOp):
        return {
            "op": "search",
            "prefix": op.namespace_prefix,
            "filter": op.filter or None,
            "limit": op.limit,
            "offset": op.offset,
            "refresh_ttl": op.refresh_ttl,
            "query": op.query if meaning else None,
        }
    if isinstance(op, ListNamespacesOp):
        prefix, suffix, rest = _conditions(op.match_conditions or ())
        return {
            "op": "list_namespaces",
            "prefix": prefix,
            "suffix": suffix,
            "max_depth": None if rest else op.max_depth,
            "limit": _ALL if rest else op.limit,
            "offset": 0 if rest else op.offset,
        }
    raise ValueError(f"unknown operation: {type(op)}")


def _refuse_long(ops: Sequence[Op]) -> None:
    """Refuses whole numbers that the engine would take for floats."""
    for op in ops:
        if isinstance(op, PutOp):
            what, value = f"item {op.key!r} in namespace {op.namespace}", op.value
        elif isinstance(op, SearchOp):
            what, value = f"the filter of a search in {op.namespace_prefix}", op.filter
        else:
            continue
        if (long := _long(value)) is not None:
            raise InvalidRequestError(
                f"{what} has a number of more than 64 bits, {long}; make it a text"
            )


def _long(value: Any) -> int | None:
    """A number in it of more than 64 bits."""
    if isinstance(value, int):
        return None if -(1 << 63) <= value < 1 << 64 else value
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return None
    return next((long for of in value if (long := _long(of)) is not None), None)


def _result(op: Op, answer: Any) -> Result:
    """An answer of the engine as LangGraph wants it."""
    if isinstance(op, GetOp):
        return _item(answer) if answer else None
    if isinstance(op, SearchOp):
        return [_found(item) for item in answer]
    if isinstance(op, ListNamespacesOp):
        namespaces = [tuple(namespace) for namespace in answer]
        _, _, rest = _conditions(op.match_conditions or ())
        if rest:
            namespaces = [n for n in namespaces if all(_matches(c, n) for c in rest)]
            if op.max_depth is not None:
                namespaces = sorted({n[: op.max_depth] for n in namespaces})
            namespaces = namespaces[op.offset : op.offset + op.limit]
        return namespaces
    return None


def _item(found: dict[str, Any]) -> Item:
    return Item(
        value=found["value"],
        key=found["key"],
        namespace=tuple(found["namespace"]),
        created_at=_time(found["created_at"]),
        updated_at=_time(found["updated_at"]),
    )


def _found(found: dict[str, Any]) -> SearchItem:
    return SearchItem(
        namespace=tuple(found["namespace"]),
        key=found["key"],
        value=found["value"],
        created_at=_time(found["created_at"]),
        updated_at=_time(found["updated_at"]),
        score=found["score"],
    )


def _conditions(
    conditions: Iterable[MatchCondition],
) -> tuple[Sequence[str], Sequence[str], list[MatchCondition]]:
    """The first prefix, the first suffix, and what is left."""
    first: dict[str, Sequence[str]] = {}
    rest: list[MatchCondition] = []
    for condition in conditions:
        if condition.match_type in first:
            rest.append(condition)
        else:
            first[condition.match_type] = condition.path
    return first.get("prefix", ()), first.get("suffix", ()), rest


def _matches(condition: MatchCondition, namespace: tuple[str, ...]) -> bool:
    path = condition.path
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)]
    if condition.match_type == "suffix":
        part = namespace[len(namespace) - len(path) :]
    return all(want in ("*", have) for want, have in zip(path, part, strict=True))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
