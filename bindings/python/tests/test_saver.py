"""What a checkpointer that is plugged into LangGraph has to hold."""

from __future__ import annotations

import asyncio
import copy
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from making import config, put

from stepwell import Stepwell, StepwellError, StepwellSaver, errors
from stepwell._native import _panics


def test_a_value_is_saved_as_it_was_when_it_was_put(saver: StepwellSaver) -> None:
    topic = ["a"]
    first = put(saver, {"topic": topic})
    topic.append("b")
    second = put(saver, {"topic": topic}, first)
    read = saver.get_tuple(first)
    assert read and read.checkpoint["channel_values"] == {"topic": ["a"]}
    read.checkpoint["channel_values"]["topic"].append("mine")
    read.checkpoint["channel_versions"]["topic"] = 100
    for of, expected in ((first, ["a"]), (second, ["a", "b"])):
        again = saver.get_tuple(of)
        assert again and again.checkpoint["channel_values"] == {"topic": expected}
        assert again.checkpoint["channel_versions"] == {"topic": 1}


def test_pending_writes_come_by_path_task_and_index(saver: StepwellSaver) -> None:
    at = put(saver, {})
    saver.put_writes(at, [("x", 1), ("y", 2)], "task-a", "~2")
    saver.put_writes(at, [("x", 3)], "task-c", "~1")
    saver.put_writes(at, [("x", 4)], "task-b", "~1")
    saver.put_writes(at, [("__error__", "no"), ("x", 9)], "task-b", "~1")
    found = saver.get_tuple(at)
    assert found and found.pending_writes == [
        ("task-b", "__error__", "no"),
        ("task-b", "x", 4),
        ("task-b", "x", 9),
        ("task-c", "x", 3),
        ("task-a", "x", 1),
        ("task-a", "y", 2),
    ]


def test_writes_may_come_before_their_checkpoint(saver: StepwellSaver) -> None:
    first = put(saver, {"x": 1})
    second = config(id="1f000000-0000-6000-8000-000000000000")
    saver.put_writes(second, [("x", 2)], "task")
    found = saver.get_tuple(first)
    assert found and found.pending_writes == []
    checkpoint = found.checkpoint.copy()
    checkpoint["id"] = second["configurable"]["checkpoint_id"]
    saver.put(first, checkpoint, {"source": "loop", "step": 1, "parents": {}}, {})
    read = saver.get_tuple(second)
    assert read and read.pending_writes == [("task", "x", 2)]
    assert read.checkpoint["channel_values"] == {"x": 1}


def test_a_fork_does_not_read_the_other_branch(saver: StepwellSaver) -> None:
    base = put(saver, {"x": "base"}, versions={"x": 1})
    one = put(saver, {"x": "one"}, base, versions={"x": 2})
    two = put(saver, {"x": "two"}, base, versions={"x": 2})
    for of, expected in ((one, "one"), (two, "two"), (base, "base")):
        found = saver.get_tuple(of)
        assert found and found.checkpoint["channel_values"]["x"] == expected


def test_a_paused_list_holds_nobody_up_and_sees_its_moment(saver: StepwellSaver) -> None:
    for n in range(5):
        put(saver, {"x": n}, step=n)
    listing = saver.list(config())
    newest = next(listing)
    done = threading.Thread(target=lambda: [put(saver, {"x": 100 + n}) for n in range(50)])
    done.start()
    done.join(20)
    assert not done.is_alive()
    saver.delete_thread("other")
    rest = [found.metadata["step"] for found in listing]
    assert [newest.metadata["step"], *rest] == [4, 3, 2, 1, 0]


def test_what_an_old_run_writes_does_not_bring_a_thread_back(saver: StepwellSaver) -> None:
    at = put(saver, {"x": 1})
    late = saver.get_tuple(at)
    assert late
    saver.delete_thread("t")
    with pytest.raises(errors.ThreadDeletedError):
        saver.put_writes(at, [("x", 2)], "task")
    with pytest.raises(errors.ThreadDeletedError):
        saver.put(at, late.checkpoint, late.metadata, {"x": 1})
    assert saver.get_tuple(config()) is None
    put(saver, {"x": "new life"})
    again = saver.get_tuple(config())
    assert again and again.checkpoint["channel_values"] == {"x": "new life"}


@pytest.mark.parametrize(
    "versions", [{"a": 1, "b": 2**70}, {"a": 1.5, "b": 2.0}, {"a": "0001.5", "b": "\0x"}]
)
def test_versions_come_back_as_they_were(saver: StepwellSaver, versions: Any) -> None:
    at = put(saver, {"a": 1, "b": 2}, versions=versions)
    found = saver.get_tuple(at)
    assert found and found.checkpoint["channel_versions"] == versions
    for name, version in versions.items():
        assert type(found.checkpoint["channel_versions"][name]) is type(version)
        assert version.startswith("\0") if name == "b" and isinstance(version, str) else True


def test_the_next_version_has_the_form_of_the_last(saver: StepwellSaver) -> None:
    assert saver.get_next_version(None, None) == 1
    assert saver.get_next_version(3, None) == 4
    text = f"{7:032}.{0.5:016}"
    assert saver.get_next_version(text, None) > text


def test_metadata_comes_back_whatever_it_is(saver: StepwellSaver) -> None:
    message = AIMessage("hi", id="1")
    odd = {"nan": float("inf"), "message": message, "list": [1, {"a": None}], "run_id": "r"}
    at = put(saver, {}, **odd)
    found = saver.get_tuple(at)
    assert found and dict(found.metadata) == {"source": "loop", "step": 0, "parents": {}, **odd}


@pytest.mark.parametrize(
    "metadata",
    [
        *({"source": source} for source in ("custom", "Loop", "loop", None, 1, ["loop"])),
        *({"step": step} for step in ("x", None, 1.0, True, -(2**63), 2**63, 2**64 + 1, -(2**70) - 1)),
        *({"parents": of} for of in (None, {}, {"": 1}, {"": "a", "b": None}, {"": "a"}, [["", "a"]], "x")),
        {"source": "custom", "step": "x", "parents": {"": 1}},
        {"source": "custom", "step": 1, "parents": {"": "a"}},
        {"source": "loop", "step": 1, "parents": {}, "extra": {"source": "loop", "step": 2}},
        {"count": 10**400, "counts": [{"n": 2**70 + 1}]},
        {"score": 1e308, "id": "9" * 30},
        {},
    ],
)
def test_metadata_that_langgraph_would_not_write_come_back(
    saver: StepwellSaver, metadata: Any
) -> None:
    at = saver.put(config(), empty_checkpoint(), cast(Any, metadata), {})
    found = saver.get_tuple(at)
    assert found and found.metadata == metadata
    for key, value in metadata.items():
        assert type(cast(dict[str, Any], found.metadata)[key]) is type(value)
        assert len(list(saver.list(config(), filter={key: value}))) == 1, key


def test_filters_compare_as_python_does(saver: StepwellSaver) -> None:
    for n in range(6):
        put(saver, {}, step=n, **({"user": "a"} if n % 2 else {}), score=float(n))
    def steps(filter: Any, **how: Any) -> list[int]:
        return [found.metadata["step"] for found in saver.list(config(), filter=filter, **how)]
    assert steps({"user": "a"}) == [5, 3, 1]
    assert steps({"user": None}, limit=2) == [4, 2]
    assert steps({"score": 2}) == [] or steps({"score": 2.0}) == [2]
    assert steps({"user": "a", "step": 3}) == [3]
    assert steps(None, limit=0) == []


def test_a_copy_of_the_saver_shares_the_database(saver: StepwellSaver) -> None:
    clone = copy.copy(saver)
    put(clone, {"x": 1})
    assert saver.get_tuple(config()) is not None
    assert isinstance(saver.with_allowlist([("tests", "T")]), StepwellSaver)


def test_an_encrypting_serializer_works(db: Stepwell, tmp_path: Path) -> None:
    serde = EncryptedSerializer.from_pycryptodome_aes(key=b"1234567890123456")
    saver = db.checkpointer(serde=serde)
    secret = "a secret that nobody may find on the disk"
    at = put(saver, {"x": [secret]})
    saver.put_writes(at, [("x", secret)], "task")
    found = saver.get_tuple(at)
    assert found and found.checkpoint["channel_values"] == {"x": [secret]}
    db.sync()
    on_disk = b"".join(f.read_bytes() for f in (tmp_path / "db").rglob("*") if f.is_file())
    assert secret.encode() not in on_disk
    other = db.checkpointer(serde=JsonPlusSerializer())
    with pytest.raises(NotImplementedError):
        other.get_tuple(at)


def test_what_cannot_be_saved_is_said_with_its_channel(saver: StepwellSaver) -> None:
    with pytest.raises(TypeError) as raised:
        put(saver, {"handle": threading.Lock()})
    if sys.version_info >= (3, 11):
        assert "channel 'handle'" in "".join(raised.value.__notes__)


def test_many_threads_use_one_saver(saver: StepwellSaver) -> None:
    def work(name: str) -> None:
        at = None
        for n in range(25):
            at = put(saver, {"x": [name] * n}, at, thread=name)
            saver.put_writes(at, [("x", n)], "task")

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(8)]
    for of in threads:
        of.start()
    for of in threads:
        of.join()
    for n in range(8):
        assert len(list(saver.list(config(f"t{n}")))) == 25


async def test_async_and_sync_are_one_saver(saver: StepwellSaver) -> None:
    at = put(saver, {"x": 1})
    await saver.aput_writes(at, [("x", 2)], "task")
    found = await saver.aget_tuple(config())
    assert found and found.pending_writes == [("task", "x", 2)]
    assert [of.config async for of in saver.alist(config())] == [at]
    await saver.adelete_thread("t")
    assert await saver.aget_tuple(config()) is None


def test_a_saver_is_bound_to_no_loop(saver: StepwellSaver) -> None:
    async def many() -> None:
        at = put(saver, {"x": 1})
        await asyncio.gather(*(saver.aput_writes(at, [("x", n)], f"t{n}") for n in range(50)))

    for _ in range(3):
        asyncio.run(many())


async def test_the_loop_goes_on_while_a_put_waits(saver: StepwellSaver) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    at = put(saver, {"x": 1})
    for n in range(20):
        await saver.aput_writes(at, [("__error__", n)], f"t{n}")
    ticking.cancel()
    assert ticks >= 20


def test_handles_on_one_directory_share_it(tmp_path: Path) -> None:
    first = Stepwell.open(tmp_path / "db")
    with Stepwell.open(str(tmp_path / "." / "db")) as second:
        put(first.checkpointer(), {"x": 1})
        assert second.checkpointer().get_tuple(config()) is not None
    put(first.checkpointer(), {"x": 2})
    with pytest.raises(errors.InvalidRequestError):
        Stepwell.open(tmp_path / "db", read_only=True)
    first.close()
    first.close()
    with pytest.raises(errors.DatabaseClosedError):
        first.checkpointer().get_tuple(config())
    with Stepwell.open(tmp_path / "db") as db:
        assert len(list(db.checkpointer().list(None))) == 2


def in_process(code: str, *args: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_second_process_is_told_who_has_it(db: Stepwell, tmp_path: Path) -> None:
    put(db.checkpointer(), {"x": 1})
    code = "import sys, stepwell; stepwell.Stepwell.open(sys.argv[1])"
    said = in_process(code, str(tmp_path / "db"))
    assert "DatabaseLockedError" in said and str(os.getpid()) in said
    look = (
        "import sys, stepwell\n"
        "db = stepwell.Stepwell.open(sys.argv[1], read_only=True)\n"
        "print([t.thread_id for t in db.list_threads()])\n"
        "db.checkpointer().delete_thread('t')"
    )
    said = in_process(look, str(tmp_path / "db"))
    assert "['t']" in said and "ReadOnlyError" in said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_of_the_process_cannot_use_it(tmp_path: Path) -> None:
    code = (
        "import os, sys, stepwell\n"
        "db = stepwell.Stepwell.open(sys.argv[1])\n"
        "saver = db.checkpointer()\n"
        "if os.fork() == 0:\n"
        "    try:\n"
        "        saver.delete_thread('t')\n"
        "    except stepwell.errors.ForkedProcessError as error:\n"
        "        print('child:', error, flush=True)\n"
        "    sys.exit()\n"
        "os.wait()\n"
        "saver.delete_thread('t')\n"
        "db.close()\n"
        "print('parent is well')\n"
    )
    said = in_process(code, str(tmp_path / "db"))
    assert "child: " in said and "parent is well" in said


FORKING = """
import asyncio, fcntl, os, signal, sys, threading, time, stepwell
from stepwell import Stepwell, StepwellSaver

async def delete(path):
    async with StepwellSaver.from_conn_string(path) as saver:
        await saver.adelete_thread("t")

def in_fork(work):
    sys.stdout.flush()
    if os.fork() == 0:
        # Only a fork that hangs lives so long.
        signal.alarm(60)
        try:
            work()
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.wait()

here, there = sys.argv[1:]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_write_is_awaited_in_a_fork_of_a_process_that_has_awaited(tmp_path: Path) -> None:
    code = FORKING + (
        "asyncio.run(delete(here))\n"
        "def work():\n"
        "    asyncio.run(delete(there))\n"
        "    print('child has written')\n"
        "in_fork(work)\n"
        "asyncio.run(delete(here))\n"
        "print('parent is well')\n"
    )
    said = in_process(code, str(tmp_path / "a"), str(tmp_path / "b"))
    assert "child has written" in said and "parent is well" in said, said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_does_not_wait_for_what_was_submitted_before_it(tmp_path: Path) -> None:
    code = FORKING + (
        "db = Stepwell.open(here)\n"
        "pending = db.native.delete_thread('t')\n"
        "def work():\n"
        "    try:\n"
        "        pending.wait()\n"
        "    except stepwell.errors.ForkedProcessError as error:\n"
        "        print('child:', error)\n"
        "in_fork(work)\n"
        "pending.wait()\n"
        "db.close()\n"
        "print('parent is well')\n"
    )
    said = in_process(code, str(tmp_path / "a"), str(tmp_path / "b"))
    assert "child: this write" in said and "parent is well" in said, said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_opens_a_database_while_its_parent_is_opening_one(tmp_path: Path) -> None:
    code = FORKING + (
        "Stepwell.open(here).close()\n"
        "lock = open(os.path.join(here, 'LOCK'), 'r+')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "lock.truncate(), lock.write(str(os.getpid())), lock.flush()\n"
        "began = threading.Event()\n"
        "def opening():\n"
        "    began.set()\n"
        "    Stepwell.open(here).close()\n"
        "other = threading.Thread(target=opening)\n"
        "other.start()\n"
        "began.wait()\n"
        "time.sleep(0.2)\n"
        "def work():\n"
        "    Stepwell.open(there).close()\n"
        "    print('child has opened')\n"
        "in_fork(work)\n"
        "fcntl.flock(lock, fcntl.LOCK_UN)\n"
        "other.join()\n"
        "print('parent is well')\n"
    )
    said = in_process(code, str(tmp_path / "a"), str(tmp_path / "b"))
    assert "child has opened" in said and "parent is well" in said, said


def test_a_panic_is_an_error_of_ours() -> None:
    with pytest.raises(errors.InternalError, match="on purpose") as raised:
        _panics()
    assert isinstance(raised.value, StepwellError) and isinstance(raised.value, Exception)


def test_it_opens_with_and_async_with(tmp_path: Path) -> None:
    with StepwellSaver.from_conn_string(tmp_path / "db") as saver:
        saver.setup()
        put(saver, {"x": 1})
    with pytest.raises(errors.DatabaseClosedError):
        saver.get_tuple(config())

    async def again() -> Any:
        async with StepwellSaver.from_conn_string(tmp_path / "db") as saver:
            return await saver.aget_tuple(config())

    assert asyncio.run(again()) is not None
