"""Random operations give the answers of `InMemorySaver`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.memory import InMemorySaver
from making import config

from stepwell import Stepwell

THREADS = st.sampled_from(["a", "b"])
NAMESPACES = st.sampled_from(["", "sub:1"])
CHANNELS = st.sampled_from(["messages", "x", "y"])
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.binary(max_size=3)
MESSAGES = st.builds(AIMessage, st.text(max_size=40)) | st.builds(HumanMessage, st.text(max_size=40))
VALUES = SCALARS | st.lists(SCALARS | MESSAGES, max_size=4) | st.dictionaries(st.text(max_size=2), SCALARS, max_size=3)
WRITTEN = st.sampled_from(["messages", "x", "__error__", "__interrupt__", "__resume__"])


def told(found: Any) -> Any:
    if found is None:
        return None
    checkpoint = dict(found.checkpoint)
    # A field of old checkpoints, which new ones have empty or not at all.
    assert not checkpoint.pop("pending_sends", None)
    return (
        found.config["configurable"],
        checkpoint,
        found.metadata,
        found.parent_config,
        found.pending_writes,
    )


class Savers(RuleBasedStateMachine):
    trusts: Any = False

    def __init__(self) -> None:
        super().__init__()
        self.dir = tempfile.TemporaryDirectory()
        self.db = Stepwell.open(self.dir.name, durability="os")
        self.ours = self.db.checkpointer(trust_messages=self.trusts)
        self.theirs = InMemorySaver()
        self.puts: list[Any] = []

    @initialize()
    def begin(self) -> None:
        self.puts = []

    def teardown(self) -> None:
        self.db.close()
        self.dir.cleanup()

    def of(self, thread: str, namespace: str) -> list[Any]:
        return [
            at
            for at in self.puts
            if (at["configurable"]["thread_id"], at["configurable"]["checkpoint_ns"])
            == (thread, namespace)
        ]

    @rule(
        thread=THREADS,
        namespace=NAMESPACES,
        changes=st.dictionaries(CHANNELS, st.just(None) | st.tuples(VALUES), max_size=2),
        grows=st.lists(MESSAGES, max_size=2),
        back=st.integers(0, 6),
        user=st.sampled_from(["ann", "bob"]),
    )
    def put(
        self, thread: str, namespace: str, changes: Any, grows: Any, back: int, user: str
    ) -> None:
        before = self.of(thread, namespace)
        at = config(thread, None, namespace)
        base = None
        if before:
            at = before[-1 - back % len(before)] if back > 3 else before[-1]
            base = self.ours.get_tuple(at)
        checkpoint = empty_checkpoint()
        checkpoint["v"] = 4
        checkpoint["id"] = str(uuid6(clock_seq=len(self.puts)))
        values: dict[str, Any] = {}
        if base:
            values = dict(base.checkpoint["channel_values"])
            checkpoint["channel_versions"] = dict(base.checkpoint["channel_versions"])
        # Never twice the same, as the other one finds values by them.
        version = f"{len(self.puts) + 1:032}.0"
        new: dict[str, Any] = {}
        for channel, change in changes.items():
            new[channel] = version
            values.pop(channel, None)
            if change is not None:
                values[channel] = change[0]
        if grows and isinstance(values.get("messages", []), list):
            values["messages"] = [*values.get("messages", []), *grows]
            new["messages"] = version
        checkpoint["channel_values"] = values
        checkpoint["channel_versions"].update(new)
        checkpoint["versions_seen"] = {"node": dict(new)}
        checkpoint["updated_channels"] = sorted(new)
        metadata: Any = {"source": "loop", "step": len(self.puts), "parents": {}, "user": user}
        saved = [s.put(at, checkpoint, metadata, new) for s in (self.ours, self.theirs)]
        assert saved[0] == saved[1]
        self.puts.append(saved[0])

    @rule(
        which=st.integers(0, 10),
        writes=st.lists(st.tuples(WRITTEN, VALUES), max_size=3),
        task=st.sampled_from(["t1", "t2"]),
        path=st.sampled_from(["", "~a", "~b"]),
    )
    def put_writes(self, which: int, writes: Any, task: str, path: str) -> None:
        if self.puts:
            at = self.puts[which % len(self.puts)]
            for saver in (self.ours, self.theirs):
                saver.put_writes(at, writes, task, path)

    @rule(thread=THREADS)
    def delete_thread(self, thread: str) -> None:
        for saver in (self.ours, self.theirs):
            saver.delete_thread(thread)
        self.puts = [at for at in self.puts if at["configurable"]["thread_id"] != thread]

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.db = Stepwell.open(self.dir.name, durability="os")
        self.ours = self.db.checkpointer(trust_messages=self.trusts)

    @rule(thread=THREADS, namespace=NAMESPACES)
    def latest(self, thread: str, namespace: str) -> None:
        at = config(thread, None, namespace)
        assert told(self.ours.get_tuple(at)) == told(self.theirs.get_tuple(at))

    @rule(which=st.integers(0, 10))
    def by_id(self, which: int) -> None:
        if self.puts:
            at = self.puts[which % len(self.puts)]
            assert told(self.ours.get_tuple(at)) == told(self.theirs.get_tuple(at))
            ask: Mapping[str, Any] = {"config": at, "channels": ["messages", "x"]}
            ours = self.ours.get_delta_channel_history(**ask)
            assert ours == self.theirs.get_delta_channel_history(**ask)

    @rule(
        thread=THREADS,
        namespace=NAMESPACES,
        filter=st.sampled_from([None, {"user": "ann"}, {"user": None}, {"step": 2}]),
        limit=st.none() | st.integers(0, 3),
        before=st.none() | st.integers(0, 10),
    )
    def list(self, thread: str, namespace: str, filter: Any, limit: Any, before: Any) -> None:
        how: dict[str, Any] = {"filter": filter, "limit": limit}
        if before is not None and self.puts:
            how["before"] = self.puts[before % len(self.puts)]
        at = config(thread, None, namespace)
        ours = [told(found) for found in self.ours.list(at, **how)]
        assert ours == [told(found) for found in self.theirs.list(at, **how)]


class TrustingSavers(Savers):
    trusts = True


few = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSavers = Savers.TestCase
TestSavers.settings = few
TestTrustingSavers = TrustingSavers.TestCase
TestTrustingSavers.settings = few
