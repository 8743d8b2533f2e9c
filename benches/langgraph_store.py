"""The items of benches/store in LangGraph's stores: 100,000, of which 99,001 are in one namespace of 1,000.

    python -m venv venv && venv/bin/pip install langgraph langgraph-checkpoint-sqlite
    venv/bin/python benches/langgraph_store.py           # --smoke for a moment, --dir DIR for another file system

Figures are microseconds each; compare with `cargo run --release -- --items 100000 --lone` in benches/store.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

from langgraph.store.base import PutOp
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore

KINDS = ["profile", "travel", "food", "work", "family", "health", "music", "other"]
NAMESPACES = 1000
MASK = (1 << 64) - 1


def mixed(n: int) -> int:
    x = (n + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Items:
    def __init__(self, count: int) -> None:
        self.count = count
        self.large = count - NAMESPACES + 1

    def namespace(self, n: int) -> tuple[str, ...]:
        number = 0 if n < self.large else 1 + n % (NAMESPACES - 1)
        return ("facts", f"user-{number:04}")

    def put(self, n: int, version: int) -> PutOp:
        value = {
            "n": n,
            "group": f"group-{n // 10}",
            "kind": KINDS[n % 8],
            "score": mixed(n) % 10_000,
            "by": {"model": "example-large", "version": version},
            "tags": ["fact", KINDS[mixed(n) % 8]],
            "text": "Prefers the window seat and vegetarian meals; travels on Mondays, back on Thursdays.",
        }
        return PutOp(self.namespace(n), f"fact-{n:08}", value)


def measure(store: Any, items: Items, queries: int, rounds: int) -> None:
    large = items.namespace(0)

    def between(n: int, width: int) -> dict[str, Any]:
        first = n % (items.large - width)
        return {"n": {"$gte": first, "$lt": first + width}}

    def search(filter: dict[str, Any]) -> int:
        return len(store.search(large, filter=filter, limit=10))

    width = min(1000, items.large // 2)
    asked: list[tuple[str, int, Callable[[int], Any]]] = [
        ("get", 1, lambda n: store.get(large, f"fact-{n % items.large:08}")),
        ("equality, 10 hits", 250, lambda n: search({"group": f"group-{n % (items.large // 10)}"})),
        ("range, 10 hits", 250, lambda n: search(between(n, 10))),
        ("range, newest 10 of 1,000", 250, lambda n: search(between(n, width))),
        (
            "compound, newest 10",
            250,
            lambda n: search({"kind": "travel", "score": {"$gt": 5000}, **between(n, width)}),
        ),
        ("newest 10", 250, lambda _: len(store.search(large, limit=10))),
        ("list_namespaces, all 1,000", 50, lambda _: store.list_namespaces(limit=NAMESPACES)),
    ]
    for what, slower, ask in asked:
        times = []
        for turn in range(rounds):
            count = max(1, queries // slower)
            start = time.perf_counter()
            for n in range(count):
                ask(mixed(turn * queries + n))
            times.append((time.perf_counter() - start) * 1e6 / count)
        show(what, times)


def puts(store: Any, items: Items, count: int, rounds: int) -> None:
    for first in range(0, items.count, 1000):
        store.batch([items.put(n, 0) for n in range(first, min(first + 1000, items.count))])
    times = []
    for turn in range(rounds):
        start = time.perf_counter()
        for n in range(count):
            op = items.put(mixed(n + turn) % items.count, turn + 1)
            store.put(op.namespace, op.key, op.value)
        times.append((time.perf_counter() - start) * 1e6 / count)
    show("put, again, one at a time", times)


def show(what: str, times: list[float]) -> None:
    middle = statistics.median(times)
    print(f"  {what:<28} {middle:>10.1f} ({min(times):.1f}..{max(times):.1f})", flush=True)


def sqlite(path: Path, level: str) -> SqliteStore:
    manager = SqliteStore.from_conn_string(str(path))
    store = manager.__enter__()
    # Its connection lives as long as what made it.
    store.made_by = manager  # type: ignore[attr-defined]
    store.setup()
    store.conn.execute(f"PRAGMA synchronous = {level}")
    return store


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--dir")
    args = parser.parse_args()
    items = Items(2_000 if args.smoke else 100_000)
    few = Items(1_100 if args.smoke else 10_000)
    queries, rounds, count = (2, 1, 5) if args.smoke else (500, 3, 500)
    with tempfile.TemporaryDirectory(dir=args.dir) as directory:
        at = Path(directory)
        for name, store in [("InMemoryStore", InMemoryStore()), ("SqliteStore", sqlite(at / "a", "NORMAL"))]:
            print(name)
            for first in range(0, items.count, 1000):
                store.batch([items.put(n, 0) for n in range(first, min(first + 1000, items.count))])
            measure(store, items, queries, rounds)
        for level in ("FULL", "NORMAL"):
            store = sqlite(at / level, level)
            (journal,) = store.conn.execute("PRAGMA journal_mode").fetchone()
            print(f"SqliteStore, synchronous {level}, journal mode {journal}, as it is made")
            puts(store, few, count, rounds)
        print("InMemoryStore")
        puts(InMemoryStore(), few, count, rounds)


if __name__ == "__main__":
    main()
