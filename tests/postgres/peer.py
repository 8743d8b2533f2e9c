"""The side of LangGraph in the tests of `interop.rs`: called with what to do, an address and a thread; prints one JSON document."""

import dataclasses
import json
import sys
import uuid
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.store.postgres import PostgresStore
from langgraph.types import Command, interrupt


@dataclasses.dataclass
class Point:
    x: int
    y: float


class State(TypedDict, total=False):
    messages: Annotated[list, add_messages]
    plain: dict
    opaque: Any
    name: str
    answer: str


def think(state: State):
    last = state["messages"][-1]
    assert isinstance(last, BaseMessage), last
    update = {"messages": [AIMessage(f"re: {last.content}", id=f"a{len(state['messages'])}")]}
    if "opaque" not in state:
        update["opaque"] = {"point": Point(1, 2.5), "id": uuid.UUID(int=7), "raw": b"\x00\xff"}
        update["plain"] = {"n": 1, "f": 0.5, "list": [None, True, "ü"]}
        update["name"] = "ada"
    return update


def ask(state: State):
    return {"answer": interrupt({"ask": "ok?"})}


def graph(saver):
    builder = StateGraph(State)
    builder.add_node("think", think)
    builder.add_node("ask", ask)
    builder.add_edge(START, "think")
    builder.add_edge("think", "ask")
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


def shown(value):
    if isinstance(value, BaseMessage):
        return {"type": value.type, "content": value.content, "id": value.id}
    if isinstance(value, dict):
        return {key: shown(of) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(of) for of in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return repr(value)


def history(app, config):
    return [
        {
            "values": shown(of.values),
            "next": list(of.next),
            "interrupts": [shown(i.value) for i in of.interrupts],
            "id": of.config["configurable"]["checkpoint_id"],
            "parent": (of.parent_config or {}).get("configurable", {}).get("checkpoint_id"),
        }
        for of in app.get_state_history(config)
    ]


def items(address, what):
    with PostgresStore.from_conn_string(address) as store:
        store.setup()
        if what == "write":
            store.put(("users", "ada"), "likes", {"tea": True, "n": [1, 2.5, None]})
            store.put(("usersx",), "other", {"a": 1})
            store.put(("gone",), "soon", {"a": 1}, ttl=0.0001)
        found = store.search(("users",), limit=10)
        print(json.dumps(sorted([".".join(of.namespace), of.key, of.value] for of in found)))


def main(what, address, thread):
    if what == "items":
        return items(address, thread)
    config = {"configurable": {"thread_id": thread}}
    with PostgresSaver.from_conn_string(address) as saver:
        app = graph(saver)
        if what == "write":
            saver.setup()
            app.invoke({"messages": [HumanMessage("hi", id="h1")]}, config)
            # A fork: the first question is asked anew, with another text.
            first = [of for of in app.get_state_history(config) if of.next == ("think",)][-1]
            app.invoke(None, app.update_state(first.config, {"messages": [HumanMessage("hello", id="h1")]}))
        elif what == "resume":
            app.invoke(Command(resume="yes"), config)
        elif what == "again":
            app.invoke({"messages": [HumanMessage("more", id="h2")]}, config)
        elif what == "delete":
            saver.delete_thread(thread)
        print(json.dumps({"history": history(app, config), "values": shown(app.get_state(config).values)}))


main(*sys.argv[1:])
