"""Messages that are trusted not to change, and copies of those that are not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from making import config, put

from stepwell import Stepwell, errors
from stepwell._messages import copied
from stepwell._native import split_list


def conversation(saver: Any, steps: int, messages: list[Any] | None = None, at: Any = None) -> Any:
    messages = messages or []
    for n in range(steps):
        messages = [*messages, AIMessage(f"message {n} " * 20, id=f"m{len(messages)}")]
        versions = {"messages": len(messages)}
        at = put(saver, {"messages": messages}, at, versions=versions, step=n)
    return messages, at


def contents(saver: Any, at: Any) -> list[str]:
    found = saver.get_tuple(at)
    return [message.content for message in found.checkpoint["channel_values"]["messages"]]


@pytest.mark.parametrize("trust", [True, "check"])
def test_a_trusting_saver_stores_what_another_one_reads(db: Stepwell, trust: Any) -> None:
    saver = db.checkpointer(trust_messages=trust)
    messages, at = conversation(saver, 40)
    plain = db.checkpointer()
    assert contents(plain, at) == contents(saver, at) == [m.content for m in messages]
    found = [f.checkpoint["channel_values"]["messages"] for f in plain.list(config())]
    assert found == [messages[: n + 1] for n in reversed(range(40))]
    replaced = [*messages[:-1], AIMessage("another", id="m39")]
    after = put(saver, {"messages": replaced}, at, versions={"messages": 41})
    assert contents(plain, after)[-1] == "another"
    shorter = put(saver, {"messages": replaced[:3]}, after, versions={"messages": 42})
    assert len(contents(plain, shorter)) == 3 and len(contents(plain, at)) == 40


def test_a_trusting_saver_goes_on_where_another_one_stood(db: Stepwell) -> None:
    plain, saver = db.checkpointer(), db.checkpointer(trust_messages=True)
    messages, at = conversation(plain, 5)
    # Not read, so nothing is known of it.
    messages, at = conversation(saver, 5, messages, at)
    found = saver.get_tuple(at)
    assert found
    messages, at = conversation(saver, 5, found.checkpoint["channel_values"]["messages"], at)
    # And from an older one, where a branch begins.
    old = list(saver.list(config()))[10]
    branch, at_branch = conversation(
        saver, 3, old.checkpoint["channel_values"]["messages"], old.config
    )
    assert contents(plain, at) == [m.content for m in messages]
    assert contents(plain, at_branch) == [m.content for m in branch]


def test_a_message_that_was_changed_is_found(db: Stepwell) -> None:
    saver = db.checkpointer(trust_messages="check")
    messages, at = conversation(saver, 3)
    messages[1].additional_kwargs["changed"] = True
    with pytest.raises(errors.MutatedMessageError, match="message 1"):
        conversation(saver, 1, messages, at)


def test_a_list_hands_out_messages_that_nobody_shares(db: Stepwell) -> None:
    saver = db.checkpointer()
    conversation(saver, 20)
    listed = [f.checkpoint["channel_values"]["messages"] for f in saver.list(config())]
    listed[0][0].content = "mine"
    listed[0][0].additional_kwargs["mine"] = 1
    assert listed[1][0].content != "mine" and listed[1][0].additional_kwargs == {}


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage("hi", id="1", name="ann"),
        HumanMessage([{"type": "text", "text": "hi"}, "more"]),
        AIMessage(
            "",
            tool_calls=[{"name": "f", "args": {"a": [1, {"b": 2}]}, "id": "c"}],
            usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            response_metadata={"model": {"name": "m"}},
        ),
        ToolMessage("found", tool_call_id="c", artifact={"x": {1, 2}}),
    ],
)
def test_a_copy_is_equal_and_shares_nothing(message: Any) -> None:
    made = copied(message)
    assert made == message and made is not message and type(made) is type(message)
    assert made == copy.deepcopy(message) and made.model_dump() == message.model_dump()
    assert made.model_fields_set == message.model_fields_set
    for name, value in message.__dict__.items():
        if isinstance(value, (dict, list)):
            assert made.__dict__[name] is not value


def test_lists_are_cut_into_their_elements() -> None:
    ormsgpack = pytest.importorskip("ormsgpack")
    values = [None, True, -1, 2**40, 1.5, "x" * 300, b"y" * 70_000, [1, [2]], {"a": {"b": []}}]
    for elements in ([], values, values * 9, ["z"] * 70_000, [ormsgpack.Ext(5, b"abc")]):
        packed = ormsgpack.packb(elements)
        cut = split_list(packed)
        assert cut == [ormsgpack.packb(element) for element in elements]
        assert split_list(packed[:-1]) is None or not elements
        assert split_list(packed + b"\0") is None
    for other in (b"", b"\x80", b"\xdd\xff\xff\xff\xff", b"\x91\xc1", b"\xa1a"):
        assert split_list(other) is None
