"""Searching by meaning: asking LangChain's embeddings for the vectors that the engine wants.

The engine keeps the vectors and compares them; it says which texts of items it needs vectors of.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from itertools import chain

from langgraph.store.base import IndexConfig, Op, PutOp, SearchOp, ensure_embeddings

Vectors = dict[str, list[float]]
"""By text."""

_CHOICE = re.compile(r"\{([^{}]*)\}")


class Meaning:
    """Which texts of items are embedded, and how."""

    def __init__(self, config: IndexConfig) -> None:
        self._embeddings = ensure_embeddings(config.get("embed"))
        self.dims: int | None = config.get("dims")
        self._fields = _simple(config.get("fields") or ["$"])

    def paths(self, op: PutOp) -> list[str]:
        """Where the texts are of what is put."""
        if op.index is False:
            return []
        return self._fields if op.index is None else _simple(op.index)

    def queries(self, ops: Iterable[Op]) -> Vectors:
        """The vectors of what is searched for."""
        queries = _queries(ops)
        return self._checked(queries, [self._embeddings.embed_query(of) for of in queries])

    async def aqueries(self, ops: Iterable[Op]) -> Vectors:
        """As `queries`."""
        queries = _queries(ops)
        asked = (self._embeddings.aembed_query(of) for of in queries)
        return self._checked(queries, await asyncio.gather(*asked))

    def texts(self, texts: list[str]) -> Vectors:
        """The vectors of texts of items."""
        return self._checked(texts, self._embeddings.embed_documents(texts))

    async def atexts(self, texts: list[str]) -> Vectors:
        """As `texts`."""
        return self._checked(texts, await self._embeddings.aembed_documents(texts))

    def _checked(self, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> Vectors:
        if len(vectors) != len(texts):
            raise ValueError(f"`embed` made {len(vectors)} vectors of {len(texts)} texts")
        made = {text: [*map(float, of)] for text, of in zip(texts, vectors, strict=True)}
        for vector in made.values():
            self.dims = self.dims or len(vector)
            if len(vector) != self.dims:
                raise ValueError(
                    f"`embed` made a vector of {len(vector)} numbers; `dims` says {self.dims}"
                )
        return made


def _queries(ops: Iterable[Op]) -> list[str]:
    queries = [op.query for op in ops if isinstance(op, SearchOp) and op.query]
    return list(dict.fromkeys(queries))


def _simple(paths: Iterable[str]) -> list[str]:
    """Paths without choices: `a.{b,c}` is `a.b` and `a.c`."""
    return list(dict.fromkeys(chain.from_iterable(map(_chosen, paths))))


def _chosen(path: str) -> list[str]:
    choice = _CHOICE.search(path)
    if choice is None:
        return [path]
    head, tail = path[: choice.start()], path[choice.end() :]
    names = choice.group(1).split(",")
    return [of for name in names for of in _chosen(f"{head}{name.strip()}{tail}")]
