"""`DeltaChannel`: histories as LangGraph's base class finds them, and pruning that keeps them whole."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from programs import delta_graph, texts, thread, turn

from stepwell import Retention, Stepwell


def said(graph: Any) -> list[str]:
    return texts(graph.get_state(thread("chat")).values["messages"])


@pytest.mark.parametrize("turns", range(1, 8))
def test_pruning_leaves_the_value_whole(db: Stepwell, turns: int) -> None:
    saver = db.checkpointer()
    graph = delta_graph(saver)
    for n in range(turns):
        turn(graph, f"turn {n}")
    before, count = said(graph), len(list(saver.list(thread("chat"))))
    saver.prune(["chat"])
    assert said(graph) == before
    left = len(list(saver.list(thread("chat"))))
    assert left <= 7 and (left < count or turns <= 2)
    turn(graph, "and then")
    assert said(graph)[: len(before)] == before and len(said(graph)) == len(before) + 2
    db.apply_retention(Retention(keep_last=1))
    assert len(said(graph)) == len(before) + 2
    assert db.verify().is_clean


async def test_histories_are_those_of_the_base_class(db: Stepwell) -> None:
    saver = db.checkpointer()
    graph = delta_graph(saver)
    for n in range(6):
        turn(graph, f"turn {n}")
    for found in saver.list(thread("chat")):
        ask: Any = {"config": found.config, "channels": ["messages", "turns", "nothing"]}
        ours = saver.get_delta_channel_history(**ask)
        assert ours == BaseCheckpointSaver.get_delta_channel_history(saver, **ask)
        assert ours == await saver.aget_delta_channel_history(**ask)
    assert saver.get_delta_channel_history(config=thread("nobody"), channels=["x"]) == {
        "x": {"writes": []}
    }
