"""A conversation on LangGraph's savers and on ours: `benches/savers.py [STEPS] [ROUNDS] [--cpu]`.

Needs `langgraph-checkpoint-sqlite` beside the package, built with `maturin develop --release`. Rounds go over the savers in turn, each in a
directory of its own; medians are printed. A step is `put_writes` and `put` of the whole list with one more message of 400 characters. With `--cpu`, times are those of the process's
processors instead of the clock's: for a machine that is busy with something else. They do not have what a sync takes.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import factories
from langchain_core.messages import AIMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver


TEXT = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()


@contextmanager
def memory(dir: str) -> Iterator[Any]:
    yield InMemorySaver(), lambda: None


@contextmanager
def sqlite(dir: str) -> Iterator[Any]:
    with SqliteSaver.from_conn_string(f"{dir}/db") as saver:
        saver.setup()

        def stored() -> int:
            saver.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return Path(f"{dir}/db").stat().st_size

        yield saver, stored


@contextmanager
def ours(dir: str, trust: bool = False) -> Iterator[Any]:
    with factories.stepwell(dir, trust) as saver:
        # The log without the space that is prepared ahead of it.
        yield saver, lambda: saver.bench_bytes()["total"]


def trusting(dir: str) -> Any:
    return ours(dir, trust=True)


CLOCK = time.process_time if "--cpu" in sys.argv else time.perf_counter


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = CLOCK()
    done = work()
    return (CLOCK() - began) * 1e6, done


def measure(saver: Any, stored: Callable[[], int | None], steps: int) -> dict[str, float]:
    at: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    messages: list[Any] = []
    puts, writes, dumps, size = [], [], [], 0
    for n in range(steps):
        place = n * 7919 % (len(TEXT) - 400)
        message = AIMessage(TEXT[place : place + 400], id=f"run--{n:036}")
        size += len(saver.serde.dumps_typed(message)[1])
        messages = [*messages, message]
        checkpoint = empty_checkpoint()
        checkpoint["id"] = str(uuid6(clock_seq=n))
        version = saver.get_next_version(n or None, None)
        checkpoint["channel_values"] = {"messages": messages, "user_id": "u"}
        checkpoint["channel_versions"] = {"messages": version, "user_id": 1}
        new = {"messages": version} if n else {"messages": version, "user_id": 1}
        if n:
            write = [("messages", [message]), ("branch:to:agent", None)]
            writes.append(timed(lambda: saver.put_writes(at, write, f"task-{n}", "~a"))[0])
        metadata: Any = {"source": "loop", "step": n, "parents": {}}
        took, at = timed(lambda: saver.put(at, checkpoint, metadata, new))
        puts.append(took)
        if n >= steps - steps // 10:
            dumps.append(timed(lambda: saver.serde.dumps_typed(messages))[0])
    latest: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    reads = [timed(lambda: saver.get_tuple(latest))[0] for _ in range(11)]
    whole = saver.serde.dumps_typed(messages)
    loads = [timed(lambda: saver.serde.loads_typed(whole))[0] for _ in range(11)]
    bytes_ = stored()
    listed, found = timed(lambda: list(saver.list(latest)))
    assert len(found) == steps and len(found[0].checkpoint["channel_values"]["messages"]) == steps
    del found
    tenth = steps // 10
    return {
        "steps/s": steps / (sum(puts) + sum(writes)) * 1e6,
        "put_writes, us": statistics.median(writes),
        "put in the first tenth, us": statistics.median(puts[:tenth]),
        "put in the last tenth, us": statistics.median(puts[-tenth:]),
        "of that, the serializer alone": statistics.median(dumps),
        "get latest, us": statistics.median(reads),
        "of that, the serializer alone, us": statistics.median(loads),
        "full history, ms": listed / 1e3,
        "bytes stored per byte of messages": (bytes_ or 0) / size,
        "delete_thread, ms": timed(lambda: saver.delete_thread("t"))[0] / 1e3,
    }


def main() -> None:
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    steps, rounds = (numbers + [1000, 3][len(numbers) :])[:2]
    savers = {"InMemorySaver": memory, "SqliteSaver": sqlite, "stepwell": ours, "trusting": trusting}
    figures: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, opened in savers.items():
            with tempfile.TemporaryDirectory() as dir, opened(dir) as (saver, stored):
                for what, figure in measure(saver, stored, steps).items():
                    figures.setdefault(what, {}).setdefault(name, []).append(figure)
    print(f"| {steps} steps | {' | '.join(savers)} |")
    for what, by_name in figures.items():
        cells = (f"{statistics.median(of):.4g}" for of in by_name.values())
        print(f"| {what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
