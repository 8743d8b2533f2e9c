"""The graph of benches/executor.rs in LangGraph: nodes run per second, 40 invokes of 3 nodes.

    python -m venv venv && venv/bin/pip install langgraph && venv/bin/python benches/langgraph_executor.py
"""

import statistics
import time
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

INVOKES = 40
TEXT = "The quick brown fox jumps over the lazy dog. " * 9


class State(TypedDict):
    messages: Annotated[list, add_messages]
    llm_calls: int


def node(state: Any) -> dict[str, Any]:
    message = {
        "role": "assistant",
        "content": TEXT,
        "response_metadata": {"model_name": "example-large"},
    }
    return {"messages": [message], "llm_calls": state.get("llm_calls", 0) + 1}


def graph(checkpointer: Any) -> Any:
    builder = StateGraph(State)
    for name in ("agent", "tools", "respond"):
        builder.add_node(name, node)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", "tools")
    builder.add_edge("tools", "respond")
    builder.add_edge("respond", END)
    return builder.compile(checkpointer=checkpointer)


def conversation(app: Any, thread: str, saves: bool) -> float:
    config = {"configurable": {"thread_id": thread}}
    options = {"durability": "sync"} if saves else {}
    start = time.perf_counter()
    for _ in range(INVOKES):
        human = {"messages": [{"role": "user", "content": "and then?"}]}
        app.invoke(human, config, **options)
    return 3 * INVOKES / (time.perf_counter() - start)


def main() -> None:
    apps = {
        "no checkpointer": (graph(None), False),
        "InMemorySaver": (graph(InMemorySaver()), True),
    }
    rates: dict[str, list[float]] = {name: [] for name in apps}
    for turn in range(7):
        for name, (app, saves) in apps.items():
            rates[name].append(conversation(app, f"thread-{turn}", saves))
    for name, values in rates.items():
        print(
            f"{name:<18} {statistics.median(values):>8.0f} ({min(values):.0f}..{max(values):.0f})"
        )


if __name__ == "__main__":
    main()
