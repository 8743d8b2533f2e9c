"""Writes values.json: values as LangGraph's serializer encodes them, in hexadecimal.

pip install langgraph langgraph-checkpoint-sqlite, then run this beside values.json.
"""

import collections
import dataclasses
import datetime
import decimal
import json
import pathlib
import uuid

from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.types import Interrupt, Send
from pydantic import BaseModel


class Order(BaseModel):
    item: str
    count: int


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Loud(HumanMessage):
    volume: int = 3


VALUES = {
    "plain": {"a": [1, -1, 2**63, -(2**40), 0.5, "ü", None, True], "b": {}},
    "long": {"text": "x" * 300, "list": list(range(20)), "map": {str(n): n for n in range(20)}},
    "float": [float("nan"), float("inf"), 1.0],
    "bytes": {"data": b"\x00\xff"},
    "keys": {1: "one", (2, 3): "pair"},
    "human": HumanMessage("hi", id="1"),
    "assistant": AIMessage(
        "",
        id="2",
        tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c"}],
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    ),
    "system": SystemMessage([{"type": "text", "text": "be kind"}], id="3"),
    "tool": ToolMessage("4", tool_call_id="c", id="4", artifact={"raw": b"\x01"}),
    "chat": ChatMessage(role="critic", content="no", id="5"),
    "chat of a user": ChatMessage(role="user", content="no", id="5"),
    "chunk": AIMessageChunk("par", id="6"),
    "remove": RemoveMessage(id="1"),
    "named": HumanMessage("hi", id="7", name="ada", additional_kwargs={"k": 1}),
    "list of messages": [HumanMessage("a", id="1"), AIMessage("b", id="2")],
    "subclass": Loud("HI", id="8"),
    "interrupts": (Interrupt(value={"ask": "ok?"}, id="abc"),),
    "send": Send("worker", {"n": 1, "m": HumanMessage("x", id="9")}),
    "set": {"a", },
    "model": Order(item="tea", count=2),
    "dataclass": Point(1, 2.5),
    "nested": {"orders": [Order(item="tea", count=2)], "at": Point(1, 2.5)},
    "uuid": uuid.UUID(int=7),
    "datetime": datetime.datetime(2026, 11, 21, 1, 2, 3, tzinfo=datetime.timezone.utc),
    "date": datetime.date(2026, 11, 21),
    "decimal": decimal.Decimal("1.50"),
    "deque": collections.deque([1, 2]),
    "path": pathlib.Path("/a/b"),
    "document": Document(page_content="text", metadata={"k": "v"}, id="d"),
    "snapshot": _DeltaSnapshot([HumanMessage("a", id="1")]),
}

serde = JsonPlusSerializer()
made = {}
for name, value in VALUES.items():
    tag, data = serde.dumps_typed(value)
    assert tag == "msgpack", name
    made[name] = data.hex()
path = pathlib.Path(__file__).with_name("values.json")
path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
