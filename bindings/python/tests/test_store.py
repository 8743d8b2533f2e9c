"""The store as LangGraph wants it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp

from stepwell import Stepwell, StepwellStore, errors


@pytest.fixture
def store(db: Stepwell) -> StepwellStore:
    return db.store()


def keys(found: Any) -> list[str]:
    return [item.key for item in found]


def test_items_come_back_newest_first(store: StepwellStore) -> None:
    for n in range(3):
        store.put(("alice", "facts"), f"k{n}", {"n": n, "city": "Oslo"})
    item = store.get(("alice", "facts"), "k1")
    assert item and (item.value, item.namespace, item.key) == (
        {"n": 1, "city": "Oslo"},
        ("alice", "facts"),
        "k1",
    )
    store.put(("alice", "facts"), "k0", {"n": 10})
    again = store.get(("alice", "facts"), "k0")
    assert again and again.created_at < again.updated_at
    assert keys(store.search(("alice",))) == ["k0", "k2", "k1"]
    assert keys(store.search(("alice",), limit=1, offset=1)) == ["k2"]
    assert keys(store.search((), filter={"city": "Oslo", "n": {"$gte": 2}})) == ["k2"]
    store.delete(("alice", "facts"), "k2")
    assert store.get(("alice", "facts"), "k2") is None


def test_filters_know_more_than_langgraph(store: StepwellStore) -> None:
    store.put(("u",), "a", {"address": {"city": "Oslo"}, "tags": ["x"]})
    store.put(("u",), "b", {"address": {"city": "Rome"}})
    assert keys(store.search(("u",), filter={"address.city": "Oslo"})) == ["a"]
    assert keys(store.search(("u",), filter={"$or": [{"tags": {"$contains": "x"}}]})) == ["a"]
    assert keys(store.search(("u",), filter={"tags": {"$exists": False}})) == ["b"]
    with pytest.raises(errors.InvalidFilterError):
        store.search(("u",), filter={"a": {"$nothing": 1}})


def test_a_batch_reads_before_it_writes_and_happens_whole(store: StepwellStore) -> None:
    store.put(("a",), "k", {"n": 0})
    got = store.batch(
        [
            PutOp(("a",), "k", {"n": 1}),
            GetOp(("a",), "k"),
            PutOp(("a",), "k", {"n": 2}),
            SearchOp(("a",)),
            ListNamespacesOp(),
        ]
    )
    assert got[0] is None and got[1].value == {"n": 0}  # type: ignore[union-attr]
    assert got[4] == [("a",)]
    item = store.get(("a",), "k")
    assert item and item.value == {"n": 2}
    with pytest.raises(errors.InvalidNamespaceError):
        store.batch([PutOp(("b",), "k", {}), PutOp(("b.c",), "k", {})])
    assert store.get(("b",), "k") is None


def test_namespaces_are_listed_by_their_labels(store: StepwellStore) -> None:
    for namespace in (("a", "b", "c"), ("a", "b", "d"), ("a", "x", "c"), ("z",)):
        store.put(namespace, "k", {})
    assert store.list_namespaces(max_depth=2) == [("a", "b"), ("a", "x"), ("z",)]
    assert store.list_namespaces(prefix=("a", "*", "c")) == [("a", "b", "c"), ("a", "x", "c")]
    assert store.list_namespaces(suffix=("c",), limit=1, offset=1) == [("a", "x", "c")]
    both = [MatchCondition("prefix", ("a",)), MatchCondition("prefix", ("*", "b"))]
    assert store.batch([ListNamespacesOp(tuple(both), 2)]) == [[("a", "b")]]


def test_what_has_expired_is_never_found(db: Stepwell) -> None:
    store = db.store(ttl={"default_ttl": 0.3 / 60, "refresh_on_read": False})
    store.put(("a",), "short", {"n": 1})
    store.put(("a",), "long", {"n": 1}, ttl=None)
    assert sorted(keys(store.search(("a",)))) == ["long", "short"]
    time.sleep(0.4)
    assert keys(store.search(("a",), filter={"n": 1})) == ["long"]
    assert store.get(("a",), "short") is None


def test_reading_may_refresh(db: Stepwell) -> None:
    store = db.store(ttl={"default_ttl": 1.0 / 60, "refresh_on_read": True})
    store.put(("a",), "k", {})
    for _ in range(4):
        time.sleep(0.4)
        assert store.get(("a",), "k") is not None
    time.sleep(1.2)
    assert store.get(("a",), "k") is None


def embed(texts: list[str]) -> list[list[float]]:
    words = ("cat", "dog", "tax")
    return [[float(text.count(word)) for word in words] + [0.1] for text in texts]


def test_items_are_found_by_meaning(db: Stepwell) -> None:
    store = db.store(index={"dims": 4, "embed": embed, "fields": ["text", "more[*]"]})
    store.put(("u",), "cats", {"text": "cat cat", "more": ["dog", "tax"]})
    store.put(("u",), "dogs", {"text": "dog", "kind": "pet"})
    store.put(("u",), "plain", {"text": "tax tax"}, index=False)
    found = store.search(("u",), query="cat", limit=3)
    assert keys(found) == ["cats", "dogs", "plain"]
    assert found[0].value == {"text": "cat cat", "more": ["dog", "tax"]}
    assert found[0].score and found[1].score and found[0].score > found[1].score
    assert found[2].score is None
    assert keys(store.search(("u",), query="tax", limit=1)) == ["cats"]
    assert keys(store.search(("u",), query="cat", filter={"kind": "pet"}, limit=1)) == ["dogs"]
    assert keys(store.search(("u",), query="cat", limit=1, offset=1)) == ["dogs"]
    plain = db.store().get(("u",), "cats")
    assert plain and set(plain.value) == {"text", "more"}


async def test_async_does_the_same(db: Stepwell) -> None:
    async def aembed(texts: list[str]) -> list[list[float]]:
        return embed(texts)

    store = db.store(index={"dims": 4, "embed": aembed})
    await store.aput(("u",), "cat", {"text": "a cat"})
    await store.aput(("u",), "dog", {"text": "a dog"})
    assert keys(await store.asearch(("u",), query="dog")) == ["dog", "cat"]
    item = await store.aget(("u",), "cat")
    assert item and item.value == {"text": "a cat"}
    await store.adelete(("u",), "cat")
    assert await store.alist_namespaces() == [("u",)]
    assert keys(await store.asearch(("u",))) == ["dog"]


def test_a_vector_of_another_length_is_refused(db: Stepwell) -> None:
    store = db.store(index={"dims": 3, "embed": embed})
    with pytest.raises(ValueError, match="`dims` says 3"):
        store.put(("u",), "k", {"text": "a"})


def test_items_stay_when_the_database_is_closed(db: Stepwell, tmp_path: Any) -> None:
    with StepwellStore.from_conn_string(tmp_path / "other") as store:
        store.put(("a",), "k", {"n": 1})
    with StepwellStore.from_conn_string(tmp_path / "other") as store:
        item = store.get(("a",), "k")
        assert item and item.value == {"n": 1}


def test_vectors_are_kept_with_their_items(tmp_path: Path) -> None:
    index: Any = {"dims": 4, "embed": embed, "fields": ["{title,body.text}"]}
    with StepwellStore.from_conn_string(tmp_path / "db", index=index) as store:
        for n in range(30):
            store.put(("notes", str(n % 3)), f"n{n}", {"title": "tax" * (n % 5), "n": n})
        store.put(("notes",), "deep", {"body": {"text": "cat cat"}, "n": -1})
        store.put(("notes",), "none", {"n": -2})

    def fails(texts: list[str]) -> Any:
        raise AssertionError("nothing is embedded again")

    def only_queries(texts: list[str]) -> Any:
        return embed(texts) if texts == ["cat"] else fails(texts)

    index["embed"] = only_queries
    with StepwellStore.from_conn_string(tmp_path / "db", index=index) as store:
        found = store.search(("notes",), query="cat", limit=40)
        assert found[0].key == "deep" and len(found) == 32
        scores = [item.score for item in found if item.score is not None]
        assert scores == sorted(scores, reverse=True) and scores[0] > 0.99
        assert found[-1].score is None
        assert store.search(("notes",), query="cat", limit=5, offset=3) == found[3:8]
        few = store.search(("notes", "1"), query="cat", filter={"n": {"$lt": 10}})
        assert [item.value["n"] for item in few] and all(item.value["n"] < 10 for item in few)
        with pytest.raises(AssertionError, match="embedded again"):
            store.put(("notes",), "more", {"title": "new"})
        assert store.get(("notes",), "more") is None


def test_numbers_of_more_than_64_bits_are_refused_and_nothing_is_put(store: StepwellStore) -> None:
    most = {"n": [(1 << 64) - 1, {"m": -(1 << 63)}], "text": "9" * 30, "float": 1e300}
    store.put(("a",), "most", most)
    found = store.get(("a",), "most")
    assert found and found.value == most
    for long in (1 << 64, -(1 << 63) - 1, 10**30):
        with pytest.raises(errors.InvalidRequestError, match=f"item 'long'.*{long}"):
            store.batch([PutOp(("a",), "k", {"n": 1}), PutOp(("a",), "long", {"n": [{"m": long}]})])
        with pytest.raises(errors.InvalidRequestError, match=f"filter.*{long}"):
            store.search(("a",), filter={"n": {"$gt": long}})
    assert keys(store.search(("a",))) == ["most"]
