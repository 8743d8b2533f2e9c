"""What the decoders share: the error, copies of what is there already, streams of bits."""


class Bad(ValueError):
    """The bytes are not what they should be."""


def need(condition, what):
    if not condition:
        raise Bad(what)


def copy(out, offset, match, limit):
    """Appends `match` bytes that begin `offset` bytes before the end; they may overlap with it."""
    need(0 < offset <= len(out), "an offset before the beginning")
    need(len(out) + match <= limit, "longer than it says")
    start = len(out) - offset
    while match > 0:
        part = out[start : start + match]
        out += part
        match -= len(part)


class Forward:
    """Bits from the first byte on, the lowest ones first."""

    def __init__(self, data, at):
        self.data, self.pos = data, at * 8

    def read(self, n):
        need(self.pos + n <= len(self.data) * 8, "zstd: a table beyond the end")
        self.pos += n
        return bits(self.data, self.pos - n, n)


class Backward:
    """Bits from the highest one set in the last byte down. Below the first byte are zeros."""

    def __init__(self, data):
        need(len(data) > 0 and data[-1] != 0, "zstd: a bit stream without an end mark")
        self.data, self.pos = data, len(data) * 8 - 9 + data[-1].bit_length()

    def read(self, n):
        self.pos -= n
        return bits(self.data, self.pos, n)


def bits(data, pos, n):
    if n == 0 or pos + n <= 0:
        return 0
    if pos < 0:
        return bits(data, 0, n + pos) << -pos
    part = int.from_bytes(data[pos >> 3 : (pos + n + 7) >> 3], "little")
    return part >> (pos & 7) & ((1 << n) - 1)
