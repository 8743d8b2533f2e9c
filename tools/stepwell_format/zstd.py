"""A decoder for one zstd frame (RFC 8878), without a dictionary.

The content checksum of a frame is not looked at: what a database stores has checksums of its own.
"""

from .bits import Backward, Forward, bits, copy, need


def fse_read(data, at, most):
    """The table that is described at `at`, and where its description ends."""
    source = Forward(data, at)
    log = source.read(4) + 5
    need(log <= most, "zstd: a table of too many states")
    remaining, counts = 1 << log, []
    while remaining > 0:
        width = (remaining + 1).bit_length()
        value = source.read(width)
        low = (1 << (width - 1)) - 1
        short = (1 << width) - 1 - (remaining + 1)
        if value & low < short:
            source.pos -= 1
            value &= low
        elif value > low:
            value -= short
        counts.append(value - 1)
        remaining -= abs(value - 1)
        while value == 1:
            zeros = source.read(2)
            counts += [0] * zeros
            if zeros != 3:
                break
    need(remaining == 0 and len(counts) <= 256, "zstd: a table that does not add up")
    return fse_table(counts, log), (source.pos + 7) // 8


def fse_table(counts, log):
    """For each state: its symbol, the bits to read, and what to add to them. And the log of its size."""
    size = 1 << log
    symbols, following, high = [0] * size, {}, size
    for symbol, count in enumerate(counts):
        if count == -1:
            high -= 1
            symbols[high] = symbol
            following[symbol] = 1
    pos, step = 0, (size >> 1) + (size >> 3) + 3
    for symbol, count in enumerate(counts):
        if count > 0:
            following[symbol] = count
            for _ in range(count):
                symbols[pos] = symbol
                pos = (pos + step) % size
                while pos >= high:
                    pos = (pos + step) % size
    table = []
    for symbol in symbols:
        n = following[symbol]
        following[symbol] += 1
        width = log + 1 - n.bit_length()
        table.append((symbol, width, (n << width) - size))
    return table, log


def huffman(data, at):
    """The table that is described at `at`, as (symbol, bits) by the next bits; their number; where it ends."""
    need(at < len(data), "zstd: no table")
    head = data[at]
    at += 1
    if head >= 128:
        count = head - 127
        end = at + (count + 1) // 2
        need(end <= len(data), "zstd: a table beyond the end")
        weights = [data[at + i // 2] >> (0 if i % 2 else 4) & 15 for i in range(count)]
    else:
        end = at + head
        need(end <= len(data), "zstd: a table beyond the end")
        (table, log), at = fse_read(data[:end], at, 6)
        source, weights = Backward(data[at:end]), []
        states = [source.read(log), source.read(log)]
        need(source.pos >= 0, "zstd: weights end early")
        while source.pos >= 0:
            symbol, width, base = table[states[0]]
            weights.append(symbol)
            states = [states[1], base + source.read(width)]
            need(len(weights) < 255, "zstd: too many weights")
        weights.append(table[states[0]][0])
    total = sum(1 << (w - 1) for w in weights if w)
    most = total.bit_length()
    left = (1 << most) - total
    need(0 < most <= 11 and left & (left - 1) == 0, "zstd: weights that do not add up")
    weights.append(left.bit_length())
    lookup = []
    for weight in range(1, most + 1):
        for symbol, w in enumerate(weights):
            if w == weight:
                lookup += [(symbol, most + 1 - w)] * (1 << (w - 1))
    need(len(lookup) == 1 << most, "zstd: weights that do not add up")
    return (lookup, most), end


def huffman_stream(data, table, length):
    lookup, most = table
    source, out = Backward(data), bytearray()
    while source.pos > 0:
        symbol, width = lookup[bits(data, source.pos - most, most)]
        source.pos -= width
        out.append(symbol)
        need(len(out) <= length, "zstd: too many literals")
    need(source.pos == 0 and len(out) == length, "zstd: another number of literals")
    return out


LENGTH_BITS = [0] * 16 + [1] * 4 + [2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
MATCH_BITS = [0] * 32 + [1] * 4 + [2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]


def baselines(first, widths):
    out = []
    for width in widths:
        out.append((first, width))
        first += 1 << width
    return out


LENGTHS = baselines(0, LENGTH_BITS[:24]) + [(48, 4)] + baselines(64, LENGTH_BITS[25:])
MATCHES = baselines(3, MATCH_BITS[:42]) + [(99, 5)] + baselines(131, MATCH_BITS[43:])
OFFSETS = [(1 << n, n) for n in range(32)]
# For literal lengths, offsets and match lengths: baselines, greatest log of a table, the predefined table.
KINDS = [
    (LENGTHS, 9, fse_table([4, 3] + [2] * 11 + [1] * 3 + [2] * 9 + [3, 2] + [1] * 5 + [-1] * 4, 6)),
    (OFFSETS, 8, fse_table([1] * 6 + [2] * 3 + [1] * 15 + [-1] * 5, 5)),
    (MATCHES, 9, fse_table([1, 4, 3] + [2] * 6 + [1] * 37 + [-1] * 7, 6)),
]


class Frame:
    """What lasts from one block of a frame to the next."""

    def __init__(self, length):
        self.length, self.out = length, bytearray()
        self.table, self.codes, self.recent = None, [None] * 3, [1, 4, 8]

    def literals(self, data):
        need(len(data) > 0, "zstd: an empty block")
        form, size = data[0] & 3, data[0] >> 2 & 3
        if form < 2:
            head = {0: 1, 2: 1, 1: 2, 3: 3}[size]
            count = int.from_bytes(data[:head], "little") >> (3 if head == 1 else 4)
            end = head + (count if form == 0 else 1)
            need(end <= len(data) and count <= 131072, "zstd: literals beyond the end")
            return (data[head:end] if form == 0 else data[head:end] * count), end
        head, width = {0: (3, 10), 1: (3, 10), 2: (4, 14), 3: (5, 18)}[size]
        packed = int.from_bytes(data[:head], "little") >> 4
        count, end = packed & ((1 << width) - 1), head + (packed >> width)
        need(head <= len(data) and end <= len(data) and count <= 131072, "zstd: literals beyond the end")
        at = head
        if form == 2:
            self.table, at = huffman(data[:end], head)
        need(self.table is not None, "zstd: no table to repeat")
        if size == 0:
            return huffman_stream(data[at:end], self.table, count), end
        need(at + 6 <= end, "zstd: no room for four streams")
        cuts = [at + 6]
        for i in range(3):
            cuts.append(cuts[-1] + int.from_bytes(data[at + 2 * i : at + 2 * i + 2], "little"))
        cuts.append(end)
        need(cuts[3] < end, "zstd: streams beyond the end")
        part, out = (count + 3) // 4, bytearray()
        for i in range(4):
            out += huffman_stream(data[cuts[i] : cuts[i + 1]], self.table, part if i < 3 else count - 3 * part)
        return out, end

    def block(self, data):
        literals, at = self.literals(data)
        need(at < len(data), "zstd: no sequences")
        count, at = data[at], at + 1
        if count >= 128:
            more = 1 if count < 255 else 2
            need(at + more <= len(data), "zstd: no sequences")
            value = int.from_bytes(data[at : at + more], "little")
            count, at = (((count - 128) << 8) + value if more == 1 else value + 0x7F00), at + more
        if count == 0:
            need(at == len(data), "zstd: something behind the sequences")
            return self.add(literals)
        need(at < len(data) and data[at] & 3 == 0, "zstd: reserved modes")
        modes, at = data[at], at + 1
        for i, (_, most, predefined) in enumerate(KINDS):
            mode = modes >> (6 - 2 * i) & 3
            if mode == 0:
                self.codes[i] = predefined
            elif mode == 1:
                need(at < len(data), "zstd: no symbol")
                self.codes[i], at = ([(data[at], 0, 0)], 0), at + 1
            elif mode == 2:
                self.codes[i], at = fse_read(data, at, most)
            need(self.codes[i] is not None, "zstd: no table to repeat")
        self.sequences(literals, Backward(data[at:]), count)

    def sequences(self, literals, source, count):
        states, used = [source.read(log) for _, log in self.codes], 0
        for i in range(count):
            rows = [self.codes[k][0][states[k]] for k in range(3)]
            need(all(rows[k][0] < len(KINDS[k][0]) for k in range(3)), "zstd: an unknown code")
            (length, wide), (offset, extra), (match, bits_of) = [KINDS[k][0][rows[k][0]] for k in range(3)]
            offset += source.read(extra)
            match += source.read(bits_of)
            length += source.read(wide)
            if i + 1 < count:
                for k in (0, 2, 1):
                    states[k] = rows[k][2] + source.read(rows[k][1])
            need(source.pos >= 0 and used + length <= len(literals), "zstd: sequences beyond the end")
            self.add(literals[used : used + length])
            used += length
            copy(self.out, self.offset(offset, length), match, self.length)
        need(source.pos == 0, "zstd: bits are left")
        self.add(literals[used:])

    def offset(self, value, length):
        if value > 3:
            self.recent = [value - 3, *self.recent[:2]]
        else:
            n = value - 1 + (length == 0)
            chosen = self.recent[n] if n < 3 else self.recent[0] - 1
            self.recent = [chosen, *[r for i, r in enumerate(self.recent) if i != min(n, 2)]]
        return self.recent[0]

    def add(self, data):
        need(len(self.out) + len(data) <= self.length, "zstd: longer than it says")
        self.out += data


def unpack(data, length):
    """What one zstd frame holds; it must be `length` bytes."""
    need(data[:4] == b"\x28\xb5\x2f\xfd" and len(data) > 5, "zstd: no frame")
    head, at = data[4], 5
    need(head & 11 == 0, "zstd: reserved bits, or a dictionary")
    single = head >> 5 & 1
    at += 1 - single
    at += {0: single, 1: 2, 2: 4, 3: 8}[head >> 6]
    frame, last = Frame(length), 0
    while not last:
        need(at + 3 <= len(data), "zstd: ends without a last block")
        block = int.from_bytes(data[at : at + 3], "little")
        last, form, size = block & 1, block >> 1 & 3, block >> 3
        at += 3
        stored = 1 if form == 1 else size
        need(at + stored <= len(data) and form != 3 and size <= 131072, "zstd: a block beyond the end")
        if form == 2:
            frame.block(data[at : at + stored])
        else:
            frame.add(data[at : at + stored] * (size if form == 1 else 1))
        at += stored
    need(at + (head & 4) == len(data), "zstd: something behind the frame")
    need(len(frame.out) == length, "zstd: another length")
    return bytes(frame.out)
