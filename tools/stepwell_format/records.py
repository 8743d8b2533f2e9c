"""Records: the part of docs/format.md of that name. Bodies become plain values, as read_stepwell.py prints them."""

import datetime
import uuid

from . import lz4, zstd
from .bits import need
from .values import EMPTY, Place, Ref, Value

GIB = 1 << 30
MORE_ENTRIES = 1 << 20


class Body:
    """A record's body from front to back."""

    def __init__(self, data, lsn, number):
        self.data, self.at = data, 0
        self.lsn, self.number = lsn, number  # of the frame; of the record in it
        self.version_before, self.values, self.entries = None, [], 0

    def take(self, n):
        need(n <= len(self.data) - self.at, "a record ends before its fields do")
        self.at += n
        return self.data[self.at - n : self.at]

    def u8(self):
        return self.take(1)[0]

    def flag(self):
        return self.choice(2) == 1

    def choice(self, n):
        form = self.u8()
        need(form < n, f"unknown form {form}")
        return form

    def u64(self):
        first = self.u8()
        if first <= 250:
            return first
        need(first <= 253, "a number of an unknown width")
        return int.from_bytes(self.take({251: 2, 252: 4, 253: 8}[first]), "little")

    def u32(self):
        n = self.u64()
        need(n < 1 << 32, "a number that is too large")
        return n

    def signed(self, width):
        n = self.u64()
        need(n < 1 << width, "a number that is too large")
        return -(n >> 1) - 1 if n & 1 else n >> 1

    def bytes(self):
        return self.take(self.u64())

    def text(self):
        return self.bytes().decode("utf-8")

    def option(self, read):
        return read() if self.flag() else None

    def list(self, read):
        count = self.u64()
        need(count <= len(self.data) - self.at, "a list that is longer than its record")
        self.entries += count
        return [read() for _ in range(count)]

    def map(self, read):
        entries = self.list(lambda: (self.text(), read()))
        keys = [key.encode() for key, _ in entries]
        need(all(a < b for a, b in zip(keys, keys[1:])), "the keys of a map do not ascend")
        return dict(entries)

    def id(self):
        return self.text() if self.choice(2) == 0 else str(uuid.UUID(bytes=self.take(16)))

    def version(self):
        form = self.choice(5)
        if form == 1:
            return self.text()
        if form == 0:
            self.version_before = self.u64()
        elif form != 4:
            counter, digits, number = self.u64(), self.u8(), self.u64()
            need(1 <= digits <= 19 and number < 10**digits, "a version with too many digits")
            point = "." if form == 2 else ".0."
            self.version_before = f"{counter:032}{point}{number:0{digits}}"
        need(self.version_before is not None, "no version before it")
        return self.version_before

    def time(self):
        form = self.choice(3)
        if form == 0:
            return self.text()
        seconds, part = divmod(self.u64(), 10**6 if form == 1 else 10**9)
        need(seconds < 253402207200, "a time that is too late")
        whole = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat()
        if form == 1:
            return f"{whole}.{part:06}+00:00"
        return f"{whole}.{part:09}".rstrip("0").rstrip(".") + "Z"

    def metadata(self):
        form = self.choice(3)
        if form == 0:
            return self.bytes().decode("utf-8", "replace")
        source, step = ["input", "loop", "update", "fork"][self.choice(4)], self.signed(64)
        front, behind = ("{", "}") if form == 1 else (self.text(), self.text())
        return f'{front}"source":"{source}","step":{step}{behind}'

    def place(self):
        lsn = self.u64()
        if lsn:
            segment, _offset, _length, records = self.u64(), self.u64(), self.u32(), self.u32()
            record, value = self.u32(), self.u32()
            need(segment < lsn and record < records, "a place that cannot be")
        else:
            lsn, record, value = self.lsn, self.u32(), self.u32()
        older = (lsn + record, value) < (self.lsn + self.number, len(self.values))
        need(older, "a place that is neither older nor in front")
        return Place(lsn, record, value)

    def weight(self):
        length, links, cost = self.u64(), self.u32(), self.u64()
        need(length <= GIB and links <= 262656, "a weight out of bounds")
        return length, links, cost

    def operation(self):
        form = self.choice(3)
        if form == 0:
            return None, self.bytes(), 0
        source = self.u32() if form == 2 else -1
        return source, self.u64(), self.u64()

    def value(self):
        form = self.choice(7)
        if form == 0:
            return EMPTY
        if form in (2, 3):
            base, (length, links, cost) = self.place(), self.weight()
            sources = self.list(self.place) if form == 2 else []
            operations = self.list(self.operation) if form == 2 else []
            need(form == 3 or links > 0, "a delta without links")
            value = Value(["delta", "alias"][form - 2], None, None, base, length, links, cost, sources, operations)
        else:
            tag = {1: None, 4: "json", 5: "msgpack", 6: "null"}[form]
            tag = self.text() if tag is None else tag
            data = b"" if form == 6 else self.bytes()
            value = Value("whole", tag, data, None, len(data), 0, len(data) + 128, [], [])
        self.values.append(value)
        return Ref(self.lsn + self.number, len(self.values) - 1)

    def present(self):
        value = self.value()
        need(value is not EMPTY, "a value that must not be empty")
        return value

    def versions(self):
        if self.choice(2) == 0:
            return {"channels": self.map(self.version), "seen": self.map(lambda: self.map(self.version))}
        return {
            "check": int.from_bytes(self.take(4), "little"),
            "removed": self.list(self.text),
            "channels": self.map(self.version),
            "unseen": self.list(self.text),
            "seen": self.map(lambda: self.map(lambda: self.option(self.version))),
        }

    def updated(self, changed):
        form = self.choice(3)
        if form < 2:
            return self.list(self.text) if form else None
        without = self.list(self.u32)
        need(all(a < b for a, b in zip(without, without[1:])), "numbers that do not ascend")
        need(not without or without[-1] < len(changed), "a number of no channel")
        return [one["channel"] for i, one in enumerate(changed) if i not in set(without)]

    def checkpoint(self):
        out = {"thread": self.id(), "namespace": self.text(), "id": self.id(), "parent": self.option(self.id)}
        out |= {"made_at": self.time(), "metadata": self.metadata(), "ancestors": self.map(self.id)}
        out["changed"] = self.list(lambda: {"channel": self.text(), "version": self.version(), "value": self.value()})
        out["versions"] = self.versions()
        out["updated"] = self.updated(out["changed"])
        out["unchanged"] = self.map(self.present)
        form = self.choice(3)
        out |= {"standalone": form > 0, "moment": self.u64() if form == 2 else None}
        whole = "check" not in out["versions"]
        need(whole or (out["parent"] is not None and not out["standalone"]), "versions that need a parent")
        return out

    def writes(self):
        out = {"thread": self.id(), "namespace": self.text(), "checkpoint": self.id(), "task": self.id(), "path": self.text()}
        out["writes"] = self.list(lambda: {"index": self.signed(32), "channel": self.text(), "value": self.present()})
        return out

    def item(self, ranked=False, moved=False):
        out = {"namespace": self.list(self.text), "key": self.text(), "at": self.u64(), "lifetime": self.option(self.u64)}
        out["indexed"] = self.list(self.text) if self.flag() else None
        out["new"] = self.flag()
        if moved:
            out |= {"created": self.u64(), "expires": self.option(self.u64)}
        if not ranked:
            return out | {"value": self.present()}
        out |= {"texts": self.list(self.text), "value": self.present()}
        vectors = self.value()
        return out | {"vectors": None if vectors is EMPTY else vectors}

    def key(self):
        return {"namespace": self.list(self.text), "key": self.text()}

    def touched(self):
        return self.key() | {"put": self.u64(), "at": self.u64()}

    def pruned(self):
        ranges = lambda: self.list(lambda: [self.id(), self.id()])
        return {"thread": self.id(), "as_of": self.u64(), "namespaces": self.map(lambda: self.option(ranges))}

    def remnant(self):
        out = {"touched": None}
        if self.flag():
            touched = {"thread": self.id(), "first": self.u64(), "last": self.u64()}
            out["touched"] = touched | {"greatest": self.option(self.id), "pruned": self.option(self.id)}
        return out | {"values": self.list(self.present)}

    def tag(self):
        return {"thread": self.id(), "namespace": self.text(), "tag": self.text()}

    def policy(self):
        out = {"thread": self.id(), "policy": None}
        if self.flag():
            policy = {"keep_last": self.option(self.u64), "older_than": self.option(self.u64)}
            out["policy"] = policy | {"finished_subgraphs": self.flag(), "idle": self.option(self.u64)}
        return out


KINDS = {
    1: ("thread copied", lambda b: {"source": b.id(), "target": b.id()}),
    2: ("checkpoint put", Body.checkpoint),
    3: ("writes put", Body.writes),
    4: ("item put", Body.item),
    5: ("item deleted", lambda b: b.key() | {"at": None}),
    6: ("thread deleted", lambda b: {"thread": b.id(), "cutoff": b.id()}),
    7: ("checkpoints pruned", Body.pruned),
    8: ("remnant", Body.remnant),
    9: ("item touched", Body.touched),
    10: ("tag set", lambda b: b.tag() | {"checkpoint": b.id()}),
    11: ("tag removed", Body.tag),
    12: ("policy set", Body.policy),
    13: ("item expired", lambda b: b.key() | {"put": b.u64()}),
    14: ("item deleted", lambda b: b.key() | {"at": b.u64()}),
    15: ("history of items set", lambda b: {"namespace": b.list(b.text), "at": b.u64(), "since": b.option(b.u64)}),
    16: ("item put", lambda b: b.item(ranked=True)),
    17: ("item put", lambda b: b.item(ranked=True, moved=True)),
}


def records(frame):
    """The records of a frame: for each its kind, its fields and its values."""
    data, at, number = frame.payload, 0, 0
    bodies, more = 0, MORE_ENTRIES
    while at < len(data):
        need(len(data) - at >= 6, "a payload ends in a record's head")
        length, kind, flags = int.from_bytes(data[at : at + 4], "little"), data[at + 4], data[at + 5]
        body = data[at + 6 : at + 6 + length]
        at += 6 + length
        stored = len(body)
        need(at <= len(data) and kind in KINDS and flags <= 2, f"record {number} of frame {frame.lsn}")
        if flags:
            need(len(body) >= 4, "a body without its length")
            whole, packed = int.from_bytes(body[:4], "little"), body[4:]
            need(whole <= min(GIB - bodies, len(packed) * (255 if flags == 1 else 1024) + 64), "a body's length")
            body = (lz4 if flags == 1 else zstd).unpack(packed, whole)
        bodies += len(body)
        reader = Body(body, frame.lsn, number)
        fields = KINDS[kind][1](reader)
        need(reader.entries <= stored + more, "more entries than a frame may have")
        more = min(more, stored + more - reader.entries)
        need(reader.at == len(body), "a body that goes on after its fields")
        if kind in (4, 16, 17):
            value = reader.values[0]
            need(value.tag in (None, "json"), "an item's value that is no json")
        yield KINDS[kind][0], fields, reader.values
        number += 1
    need(number == frame.records, f"frame {frame.lsn} has {number} records and says {frame.records}")
