"""The other side of benches/backends: LangGraph's own savers and stores, told on standard input what to do.

Each line is a command; the answer is how long it took, in nanoseconds.
"""

import sys
import time
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint


def open_both(kind: str, address: str) -> tuple[Any, Any]:
    if kind == "sqlite":
        import sqlite3

        from langgraph.checkpoint.sqlite import SqliteSaver
        from langgraph.store.sqlite import SqliteStore

        saver = SqliteSaver(sqlite3.connect(address, check_same_thread=False))
        store = SqliteStore(sqlite3.connect(address, check_same_thread=False, isolation_level=None))
    else:
        from langgraph.checkpoint.postgres import PostgresSaver
        from langgraph.store.postgres import PostgresStore
        from psycopg import Connection
        from psycopg.rows import dict_row

        def connect() -> Any:
            return Connection.connect(address, autocommit=True, prepare_threshold=0, row_factory=dict_row)

        saver = PostgresSaver(connect())
        store = PostgresStore(connect())
    saver.setup()
    store.setup()
    return saver, store


def message(n: int) -> dict[str, Any]:
    return {"role": "user", "id": f"message-{n:06}", "content": f"{n:06} " * 40}


class Work:
    def __init__(self, saver: Any, store: Any) -> None:
        self.saver, self.store = saver, store

    def put(self, thread: str, steps: int) -> None:
        config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        messages: list[dict[str, Any]] = []
        for step in range(steps):
            messages = [*messages, message(step)]
            if step > 0:
                self.saver.put_writes(config, [("messages", message(step))], f"task-{step}")
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = {"messages": messages, "count": step}
            versions = {"messages": str(step + 1), "count": str(step + 1)}
            checkpoint["channel_versions"] = versions
            metadata = {"source": "loop", "step": step, "parents": {}}
            config = self.saver.put(config, checkpoint, metadata, versions)

    def get(self, thread: str, times: int) -> None:
        for _ in range(times):
            found = self.saver.get_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
            assert found.checkpoint["channel_values"]["messages"]

    def list(self, thread: str, times: int) -> None:
        for _ in range(times):
            found = list(self.saver.list({"configurable": {"thread_id": thread, "checkpoint_ns": ""}}))
            assert found

    def items(self, user: str, times: int) -> None:
        for n in range(times):
            self.store.put(("users", user), f"item-{n}", {"n": n, "kind": f"kind-{n % 10}", "text": message(n)["content"]})

    def item(self, user: str, times: int) -> None:
        for n in range(times):
            assert self.store.get(("users", user), f"item-{n}") is not None

    def search(self, user: str, times: int) -> None:
        for n in range(times):
            assert self.store.search(("users", user), filter={"kind": f"kind-{n % 10}"}, limit=5)

    def namespaces(self, _: str, times: int) -> None:
        for _ in range(times):
            assert self.store.list_namespaces(prefix=("users",), limit=10)


def main() -> None:
    work = Work(*open_both(sys.argv[1], sys.argv[2]))
    print("ready", flush=True)
    for line in sys.stdin:
        name, subject, count = line.split()
        begun = time.perf_counter_ns()
        getattr(work, name)(subject, int(count))
        print(time.perf_counter_ns() - begun, flush=True)


main()
