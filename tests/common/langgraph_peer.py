"""The side of LangGraph in tests: called with what to do, a SQLite file or the address of a PostgreSQL server, and a thread; prints one JSON document."""

import dataclasses
import json
import operator
import sys
import uuid
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send, interrupt


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


class Fanned(TypedDict, total=False):
    got: Annotated[list, operator.add]


def is_server(address):
    return "host=" in address


def saver_at(address):
    if is_server(address):
        from langgraph.checkpoint.postgres import PostgresSaver as Saver
    else:
        from langgraph.checkpoint.sqlite import SqliteSaver as Saver
    return Saver.from_conn_string(address)


def store_at(address):
    if is_server(address):
        from langgraph.store.postgres import PostgresStore as Store
    else:
        from langgraph.store.sqlite import SqliteStore as Store
    return Store.from_conn_string(address)


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
    with store_at(address) as store:
        store.setup()
        if what == "write":
            store.put(("users", "ada"), "likes", {"tea": True, "n": [1, 2.5, None]})
            store.put(("usersx",), "other", {"a": 1})
            store.put(("gone",), "soon", {"a": 1}, ttl=0.0001)
            store.put(("carts", "bob"), "cart", {"n": 1}, ttl=90)
        if what == "change":
            store.put(("users", "ada"), "likes", {"tea": 0})
            store.delete(("users", "bob"), "likes")
        if what == "times":
            found = [[of.key, of.created_at.timestamp(), of.updated_at.timestamp()] for of in store.search((), limit=10)]
        else:
            found = [[".".join(of.namespace), of.key, of.value] for of in store.search(("users",), limit=10)]
        print(json.dumps(sorted(found)))


def work(n):
    return {"got": [f"{n}:{interrupt('ok?')}" if n == 1 else str(n)]}


def old(what, address, thread):
    """A thread with tasks that were sent, as LangGraph kept it before form 4."""
    config = {"configurable": {"thread_id": thread}}
    builder = StateGraph(Fanned)
    builder.add_node("fan", lambda state: {})
    builder.add_node("work", work)
    builder.add_edge(START, "fan")
    builder.add_conditional_edges("fan", lambda state: [Send("work", 1), Send("work", 2)], ["work"])
    with saver_at(address) as saver:
        saver.setup()
        app = builder.compile(checkpointer=saver)
        if what == "old-write":
            app.invoke({"got": []}, config)
            with saver._cursor() as cursor:
                cursor.execute(
                    """UPDATE checkpoints SET checkpoint = jsonb_set(
                    checkpoint #- '{channel_versions,__pregel_tasks}' #- '{channel_values,__pregel_tasks}', '{v}', '2')"""
                )
                cursor.execute("DELETE FROM checkpoint_blobs WHERE channel = '__pregel_tasks'")
        elif what == "old-resume":
            app.invoke(Command(resume="yes"), config)
        print(json.dumps({"history": history(app, config), "values": shown(app.get_state(config).values)}))


def main(what, address, thread):
    if what == "items":
        return items(address, thread)
    if what.startswith("old"):
        return old(what, address, thread)
    config = {"configurable": {"thread_id": thread}}
    with saver_at(address) as saver:
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
