"""Values: whole, or made of others by deltas and aliases. Knows where they are, not what records say."""

from collections import namedtuple

from .bits import need

Place = namedtuple("Place", "lsn record value")
Value = namedtuple("Value", "form tag data base length links cost sources operations")
Ref = namedtuple("Ref", "lsn number")  # of the record; of the value in it
EMPTY = {"form": "empty"}


class Values:
    """The values of all records so far, by the LSN of the record; made from what they refer to when asked for."""

    def __init__(self):
        self.known, self.made = {}, {}

    def add(self, lsn, values):
        if values:
            self.known[lsn] = values

    def at(self, place):
        values = self.known.get(place.lsn + place.record, [])
        need(place.value < len(values), f"no value {place.value} in record {place.lsn + place.record}")
        return values[place.value]

    def bytes(self, ref):
        """The tag and the bytes of a value: from the whole one that it ends in, forward through its deltas."""
        steps, value, key = [], self.known[ref.lsn][ref.number], ref
        while value.form != "whole" and key not in self.made:
            steps.append((key, value))
            key, value = Ref(value.base.lsn + value.base.record, value.base.value), self.at(value.base)
        tag, data = self.made[key] if value.form != "whole" else (value.tag, value.data)
        for key, value in reversed(steps):
            data = self.apply(value, data) if value.form == "delta" else data
            need(len(data) == value.length, f"value {key.number} of record {key.lsn} has another length")
            if len(self.made) > 1000:
                self.made.clear()
            self.made[key] = tag, data
        return tag, data

    def apply(self, value, base):
        sources = [self.at(place) for place in value.sources]
        need(all(source.form == "whole" for source in sources), "a source that is not whole")
        out, length = [], 0
        for source, a, n in value.operations:
            part = a
            if source is not None:
                need(source < len(sources), "a source that is not there")
                of = base if source < 0 else sources[source].data
                need(a + n <= len(of), "a copy beyond the end")
                part = of[a : a + n]
            length += len(part)
            need(length <= value.length, "a delta that is longer than it says")
            out.append(part)
        return b"".join(out)

    def printed(self, ref):
        """A value for the listing."""
        value, (tag, data) = self.known[ref.lsn][ref.number], self.bytes(ref)
        out = {"form": value.form, "tag": tag}
        if value.form != "whole":
            out["of"] = [value.base.lsn + value.base.record, value.base.value]
            out |= {"links": value.links, "cost": value.cost}
        if tag == "json":
            try:
                return out | {"text": data.decode("utf-8")}
            except UnicodeDecodeError:
                pass
        return out | {"hex": data.hex()}
