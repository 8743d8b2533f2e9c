"""The side of LangGraph in the tests of `main.rs`: called with what to do and a SQLite file, prints one JSON document."""

import dataclasses
import json
import sqlite3
import sys
import uuid
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.store.base import Item
from langgraph.types import Command, Send, interrupt


@dataclasses.dataclass
class Point:
    x: int
    y: float


class State(TypedDict, total=False):
    messages: Annotated[list, add_messages]
    plain: dict
    opaque: Any
    answer: str
    done: list


def think(state: State):
    last = state["messages"][-1]
    assert isinstance(last, BaseMessage), last
    update = {"messages": [AIMessage(f"re: {last.content}", id=f"a{len(state['messages'])}")]}
    if "opaque" not in state:
        update["opaque"] = {"point": Point(1, 2.5), "id": uuid.UUID(int=7), "raw": b"\x00\xff"}
        update["plain"] = {"n": 1, "f": 0.5, "list": [None, True, "ü"]}
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


def main(what, path, thread):
    config = {"configurable": {"thread_id": thread}}
    with SqliteSaver.from_conn_string(path) as saver:
        app = graph(saver)
        if what == "write":
            app.invoke({"messages": [HumanMessage("hi", id="h1")]}, config)
            # A fork: the first question is asked anew, with another text.
            first = [of for of in app.get_state_history(config) if of.next == ("think",)][-1]
            app.invoke(None, app.update_state(first.config, {"messages": [HumanMessage("hello", id="h1")]}))
        elif what == "resume":
            app.invoke(Command(resume="yes"), config)
        elif what == "again":
            app.invoke({"messages": [HumanMessage("more", id="h2")]}, config)
        elif what == "items":
            from langgraph.store.sqlite import SqliteStore

            with SqliteStore.from_conn_string(path) as store:
                store.setup()
                if thread == "write":
                    store.put(("users", "ada"), "likes", {"tea": True, "n": [1, 2.5, None]})
                    store.put(("usersx",), "other", {"a": 1})
                    store.put(("gone",), "soon", {"a": 1}, ttl=0.0001)
                elif thread == "change":
                    store.put(("users", "ada"), "likes", {"tea": 0})
                    store.delete(("users", "bob"), "likes")
                found = store.search(("users",), limit=10)
                print(json.dumps([[of.key, of.value] for of in found]))
            return
        print(json.dumps({"history": history(app, config), "values": shown(app.get_state(config).values)}))


main(*sys.argv[1:])
