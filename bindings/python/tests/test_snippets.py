"""What guides show that LangGraph itself refuses, and the lines of theirs that open a saver. What runs is among the programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from programs import PROGRAMS
from snippets import State, answering, graph_with

from stepwell import Stepwell, StepwellSaver


def test_a_saver_opens_as_the_others_do(tmp_path: Path) -> None:
    config: Any = {"configurable": {"thread_id": "1"}}
    with StepwellSaver.from_conn_string(tmp_path / "db") as checkpointer:
        checkpointer.setup()  # only needed on first use to create tables
        graph = graph_with(checkpointer)
        graph.invoke({"messages": ["Hello"]}, config)
    with StepwellSaver.from_conn_string(str(tmp_path / "db")) as checkpointer:
        checkpointer.setup()
        assert len(graph_with(checkpointer).get_state(config).values["messages"]) == 2


def test_without_a_thread_id_langgraph_refuses(db: Stepwell) -> None:
    graph = graph_with(db.checkpointer())
    with pytest.raises(ValueError, match="thread_id"):
        graph.invoke({"messages": ["Hello"]})


def test_start_is_no_name_of_langgraph(db: Stepwell) -> None:
    builder = StateGraph(State).add_node("fruit_agent", lambda state: {}).add_edge("start", "fruit_agent")
    with pytest.raises(ValueError, match="start"):
        builder.compile()


def test_what_guides_name_and_langgraph_does_not_have(saver: StepwellSaver) -> None:
    assert not hasattr(answering(saver), "replay")
    sqlite = pytest.importorskip("langgraph.checkpoint.sqlite")
    assert not hasattr(sqlite.SqliteSaver, "from_connector")


def test_a_store_is_not_defined_in_a_node(saver: StepwellSaver) -> None:
    # WRONG: Store not available in node
    def my_node(state: State) -> None:
        store.put(...)  # type: ignore[name-defined]  # noqa: F821  # NameError! store not defined

    builder = StateGraph(State).add_node("my_node", my_node).add_edge(START, "my_node")
    with pytest.raises(NameError):
        builder.compile(checkpointer=saver).invoke(
            {"messages": []}, {"configurable": {"thread_id": "1"}}
        )


def test_the_snippets_are_among_the_programs() -> None:
    assert sum(name.startswith("snippet: ") for name in PROGRAMS) >= 14
