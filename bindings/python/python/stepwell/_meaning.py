"""Searching by meaning: the vectors of items and queries, kept beside the values of the items."""

from __future__ import annotations

import asyncio
import base64
import importlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph.store.base import (
    IndexConfig,
    Op,
    PutOp,
    SearchOp,
    ensure_embeddings,
    get_text_at_path,
    tokenize_path,
)

RESERVED = "__stepwell__"
"""The field of an item's value that holds its vectors. It is not the user's."""


class Embedded:
    """The vectors of a batch: of what is put, by its place in the batch, and of queries."""

    def __init__(self) -> None:
        self.puts: dict[int, dict[str, str]] = {}
        self.queries: dict[str, Sequence[float]] = {}

    def of_put(self, place: int) -> dict[str, str] | None:
        """The vectors of the put at this place, by path, encoded."""
        return self.puts.get(place)

    def of_query(self, op: Op) -> Sequence[float] | None:
        """The vector of a search's query."""
        if isinstance(op, SearchOp) and op.query:
            return self.queries.get(op.query)
        return None

    @staticmethod
    def into(value: Mapping[str, Any], vectors: Mapping[str, str] | None) -> dict[str, Any]:
        """An item's value with its vectors, as it is stored."""
        plain = {key: of for key, of in value.items() if key != RESERVED}
        return {**plain, RESERVED: {"vectors": vectors}} if vectors else plain

    @staticmethod
    def without(value: dict[str, Any]) -> dict[str, Any]:
        """A stored value as it was put."""
        value.pop(RESERVED, None)
        return value

    @staticmethod
    def vectors(value: Mapping[str, Any]) -> list[array[float]]:
        """The vectors of a stored value."""
        encoded = value.get(RESERVED, {}).get("vectors", {})
        return [array("f", base64.b64decode(text)) for text in encoded.values()]


class Meaning:
    """Which texts of items are embedded, and how."""

    def __init__(self, config: IndexConfig) -> None:
        self._embeddings = ensure_embeddings(config.get("embed"))
        self._dims = config.get("dims")
        self._fields = list(config.get("fields") or ["$"])

    def embed(self, ops: Sequence[Op]) -> Embedded:
        """The vectors that `ops` need."""
        texts, queries = self._texts(ops), _queries(ops)
        vectors = self._embeddings.embed_documents(list(texts)) if texts else []
        of_queries = [self._embeddings.embed_query(query) for query in queries]
        return self._embedded(texts, vectors, queries, of_queries)

    async def aembed(self, ops: Sequence[Op]) -> Embedded:
        """As `embed`."""
        texts, queries = self._texts(ops), _queries(ops)
        vectors = await self._embeddings.aembed_documents(list(texts)) if texts else []
        of_queries = await asyncio.gather(
            *(self._embeddings.aembed_query(query) for query in queries)
        )
        return self._embedded(texts, vectors, queries, of_queries)

    def _texts(self, ops: Sequence[Op]) -> dict[str, list[tuple[int, str]]]:
        """The texts of what is put, and for which places in the batch and paths."""
        texts: dict[str, list[tuple[int, str]]] = {}
        for place, op in enumerate(ops):
            if not isinstance(op, PutOp) or op.value is None or op.index is False:
                continue
            for path in self._fields if op.index is None else op.index:
                found = get_text_at_path(op.value, path if path == "$" else tokenize_path(path))
                for number, text in enumerate(found):
                    name = path if len(found) == 1 else f"{path}.{number}"
                    texts.setdefault(text, []).append((place, name))
        return texts

    def _embedded(
        self,
        texts: Mapping[str, list[tuple[int, str]]],
        vectors: Sequence[Sequence[float]],
        queries: Sequence[str],
        of_queries: Sequence[Sequence[float]],
    ) -> Embedded:
        embedded = Embedded()
        for vector, places in zip(vectors, texts.values(), strict=True):
            self._require_dims(vector)
            encoded = base64.b64encode(array("f", vector).tobytes()).decode()
            for place, path in places:
                embedded.puts.setdefault(place, {})[path] = encoded
        embedded.queries = dict(zip(queries, of_queries, strict=True))
        return embedded

    def _require_dims(self, vector: Sequence[float]) -> None:
        if self._dims and len(vector) != self._dims:
            raise ValueError(
                f"`embed` made a vector of {len(vector)} numbers; `dims` says {self._dims}"
            )


def _queries(ops: Iterable[Op]) -> list[str]:
    queries = [op.query for op in ops if isinstance(op, SearchOp) and op.query]
    return list(dict.fromkeys(queries))


def similarities(query: Sequence[float], vectors: Sequence[array[float]]) -> list[float]:
    """The cosine of the angle between `query` and each of `vectors`; 0 for what has no direction."""
    if not vectors:
        return []
    try:
        np: Any = importlib.import_module("numpy")
    except ImportError:
        return [_cosine(query, vector) for vector in vectors]
    one = np.asarray(query, dtype=np.float32)
    all_ = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(all_, axis=1) * np.linalg.norm(one)
    scores = np.divide(all_ @ one, norms, out=np.zeros_like(norms), where=norms != 0)
    found: list[float] = scores.tolist()
    return found


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    norm = (sum(a * a for a in one) * sum(b * b for b in other)) ** 0.5
    return float(dot / norm) if norm else 0.0
