"""Messages that are trusted not to change, and copies of those that are not."""

from __future__ import annotations

import copy
import gc
from random import Random
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from making import config, put

from stepwell import Stepwell, errors
from stepwell._decoding import Lists
from stepwell._native import Cutter
from stepwell._shelf import Shelf


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
    shelf = Shelf()
    shelf.put(0, [HumanMessage("before"), message])
    made = shelf.copies(2)[1]
    assert made == message and made is not message and type(made) is type(message)
    assert made == copy.deepcopy(message) and made.model_dump() == message.model_dump()
    assert made.model_fields_set == message.model_fields_set
    assert made.model_fields_set is not message.model_fields_set
    for name, value in message.__dict__.items():
        if isinstance(value, (dict, list)):
            assert made.__dict__[name] is not value
    assert gc.isenabled()


def test_a_shelf_takes_what_comes_in_the_place_of_its_end() -> None:
    said = [AIMessage(str(n), tool_calls=[], response_metadata={"n": n}) for n in range(9)]
    shelf = Shelf()
    shelf.put(0, said)
    shelf.put(4, [HumanMessage("other"), *said[5:7]])
    assert shelf.copies(7) == [*said[:4], HumanMessage("other"), *said[5:7]]
    assert shelf.copies(2) == said[:2] and shelf.copies(0) == []


def test_lists_are_cut_where_they_begin_to_differ() -> None:
    ormsgpack = pytest.importorskip("ormsgpack")
    elements = [ormsgpack.Ext(5, bytes([n]) * size) for n, size in enumerate([1, 2, 300, 70_000, 16])]
    packed = [ormsgpack.packb(element) for element in elements]
    cutter = Cutter()
    cut = lambda *places: cutter.cut(ormsgpack.packb([elements[n] for n in places]))  # noqa: E731
    assert cut() == (0, [])
    assert cut(0, 1, 2) == (0, packed[:3])
    assert cut(0, 1, 2, 3, 4) == (3, packed[3:])
    assert cut(0, 1) == (2, [])
    # It knows the longer one still.
    assert cut(0, 1, 2, 3) == (4, [])
    assert cut(0, 1, 4, 3, 2) == (2, [packed[4], packed[3], packed[2]])
    assert cut(4, 1, 4) == (0, [packed[4], packed[1], packed[4]])
    many = [ormsgpack.Ext(5, b"x%d" % n) for n in range(70_000)]
    kept, new = cutter.cut(ormsgpack.packb(many)) or (0, [])
    assert (kept, len(new)) == (0, 70_000)
    kept, new = cutter.cut(ormsgpack.packb([*many, *elements])) or (0, [])
    assert (kept, new) == (70_000, packed)


def test_what_is_no_list_of_objects_is_not_cut() -> None:
    ormsgpack = pytest.importorskip("ormsgpack")
    cutter = Cutter()
    for value in (None, "text", {"a": 1}, [1, 2], ["x"] * 9, [ormsgpack.Ext(5, b"abc"), 1]):
        assert cutter.cut(ormsgpack.packb(value)) is None
    whole = ormsgpack.packb([ormsgpack.Ext(5, b"abc"), ormsgpack.Ext(6, b"y" * 300)])
    for end in range(len(whole)):
        assert cutter.cut(whole[:end]) is None
    for bad in (b"", whole + b"\0", b"\xdd\xff\xff\xff\xff", b"\x91\xc1", b"\x91\xc9\xff\xff\xff\xff\x05a"):
        assert cutter.cut(bad) is None
    assert cutter.cut(whole) is not None


def test_lists_that_change_anywhere_are_what_the_serializer_says() -> None:
    serde = JsonPlusSerializer()
    random = Random(5)
    said = [AIMessage("x" * 60, id=f"m{n}", tool_calls=[]) for n in range(30)]
    for shares in (False, True):
        lists = Lists(serde, shares=shares)
        for _ in range(60):
            match random.randrange(4):
                case 0:
                    said = said[: random.randrange(1, len(said) + 1)]
                case 1:
                    place = random.randrange(len(said))
                    said = [*said[:place], HumanMessage("edited"), *said[place + 1 :]]
                case _:
                    said = [*said, *(AIMessage(f"new {random.random()}") for _ in range(5))]
            data = serde.dumps_typed(said)[1]
            assert lists.loads(data) == serde.loads_typed(("msgpack", data)) == said


def test_what_is_read_again_and_again_is_shared_with_nobody(db: Stepwell) -> None:
    saver = db.checkpointer()
    said, at = conversation(saver, 20)
    reads = [saver.get_tuple(config()).checkpoint["channel_values"]["messages"] for _ in range(4)]
    for read in reads:
        assert read == said
        read[0].content = "mine"
        read[1].response_metadata["mine"] = 1
        read.pop()
    # A serializer that refuses what another one has made has not made it.
    refusing = copy.copy(saver)
    refusing.serde = EncryptedSerializer.from_pycryptodome_aes(key=b"0123456789abcdef")
    assert refusing.get_tuple(config()) is not None
    assert contents(saver, at) == [m.content for m in said]


def test_a_trusting_saver_sees_what_another_one_has_put_in_the_place(db: Stepwell) -> None:
    trusting, other = db.checkpointer(trust_messages=True), db.checkpointer()
    said, at = conversation(trusting, 3)
    assert contents(trusting, config()) == [m.content for m in said]
    found = trusting.get_tuple(config())
    assert found
    found.checkpoint["channel_values"]["messages"] = [HumanMessage("another")]
    parent: Any = found.parent_config
    other.put(parent, found.checkpoint, found.metadata, {"messages": 3})
    assert contents(trusting, config()) == contents(other, config()) == ["another"]
    assert contents(trusting, at) == ["another"]


def test_nothing_is_appended_to_a_list_that_another_one_has_put_in_the_place(
    db: Stepwell,
) -> None:
    other = db.checkpointer()
    for trust in (False, True):
        saver = db.checkpointer(trust_messages=trust)
        db.checkpointer().delete_thread("t")
        said, at = conversation(saver, 3)
        found = other.get_tuple(at)
        assert found
        found.checkpoint["channel_values"]["messages"] = [HumanMessage("another")]
        parent: Any = found.parent_config
        other.put(parent, found.checkpoint, found.metadata, {"messages": 3})
        said, at = conversation(saver, 1, said, at)
        assert contents(other, at) == [m.content for m in said]


def test_a_message_that_was_changed_in_place_is_saved_as_it_is_now(db: Stepwell) -> None:
    saver = db.checkpointer()
    random = Random(7)
    kept, at = conversation(saver, 1)
    expected: list[tuple[Any, list[Any]]] = []
    for n in range(120):
        message = random.choice(kept)
        match random.randrange(9):
            case 0:
                message.content += " changed"
            case 1:
                message.response_metadata["n"] = random.choice([1, 1.0, True, "1", [1], (1,)])
            case 2:
                message.additional_kwargs.setdefault("deep", [{}])[0][f"k{n}"] = n
            case 3:
                message.id = None
            case 4:
                message.more = n  # a field that the class does not have
            case 5:
                kept = kept[: random.randrange(1, len(kept) + 1)]
            case 6:
                kept = [*kept[:-1], ToolMessage("r", tool_call_id="c", artifact={"a": {n}})]
            case _:
                kept = [*kept, *(HumanMessage(f"new {n}") for _ in range(random.randrange(20)))]
        at = put(saver, {"messages": kept}, at, versions={"messages": n + 2}, step=n)
        expected.append((at, copy.deepcopy(kept)))
    serde = saver.serde
    for at, messages in expected:
        found = saver.get_tuple(at)
        assert found
        read = found.checkpoint["channel_values"]["messages"]
        assert serde.dumps_typed(read) == serde.dumps_typed(messages)


def test_of_a_list_that_grew_what_is_new_is_handed_over(db: Stepwell) -> None:
    saver = db.checkpointer()
    calls: list[tuple[int, int]] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(db.native, name)

        def put(self, *args: Any) -> Any:
            calls.append((len(args[10]), len(args[11])))
            return db.native.put(*args)

    saver._native = Counting()  # type: ignore[assignment]
    said, at = conversation(saver, 3)
    assert calls == [(1, 0), (0, 1), (0, 1)]
    said[0].content = "changed"
    said, at = conversation(saver, 2, said, at)
    assert calls[3:] == [(1, 0), (0, 1)]
    assert contents(saver, at) == [m.content for m in said]


def test_what_is_known_of_lists_is_bounded(db: Stepwell) -> None:
    saver = db.checkpointer()
    for thread in range(2000):
        put(saver, {"messages": [HumanMessage("x" * 20_000)]}, thread=str(thread))
    assert 1 < len(saver._compared._known) <= 1024
    assert 0 < saver._compared._bytes <= 16 << 20
    assert saver._compared._bytes == sum(k.bytes() for k in saver._compared._known.values())


def test_a_trusting_saver_that_reads_an_older_checkpoint_still_knows_the_last(db: Stepwell) -> None:
    saver = db.checkpointer(trust_messages=True)
    said, at = conversation(saver, 5)
    old = list(saver.list(config()))[3].config
    for _ in range(3):
        assert contents(saver, old) == [m.content for m in said[:2]]
        last = saver.get_tuple(config())
        assert last and all(a is b for a, b in zip(last.checkpoint["channel_values"]["messages"], said))
