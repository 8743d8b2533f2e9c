"""A decoder for one LZ4 block, without a frame and without a dictionary."""

from .bits import copy, need


def unpack(data, length):
    """What one LZ4 block holds; it must be `length` bytes."""
    out, at = bytearray(), 0

    def extended(n):
        nonlocal at
        while n >= 15:
            need(at < len(data), "lz4: ends in a length")
            at += 1
            n += data[at - 1]
            if data[at - 1] != 255:
                break
        return n

    while True:
        need(at < len(data), "lz4: ends without literals")
        token = data[at]
        at += 1
        literals = extended(token >> 4)
        need(at + literals <= len(data) and len(out) + literals <= length, "lz4: literals beyond the end")
        out += data[at : at + literals]
        at += literals
        if at == len(data):
            break
        need(at + 2 <= len(data), "lz4: ends in an offset")
        offset = int.from_bytes(data[at : at + 2], "little")
        at += 2
        match = extended(token & 15) + 4
        copy(out, offset, match, length)
    need(len(out) == length, "lz4: another length")
    return bytes(out)
