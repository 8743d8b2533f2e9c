#!/usr/bin/env python3
"""Makes `fuzz/seeds`: what the fuzzer begins with, from the golden databases and by rule.

    python3 fuzz/make_seeds.py
"""

import os
import random
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../tests/data/golden")
sys.path.insert(0, os.path.join(HERE, "../tools"))
sys.dont_write_bytecode = True

from stepwell_format import log  # noqa: E402


def put(target, name, data):
    folder = os.path.join(HERE, "seeds", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def number(n, size=8):
    return n.to_bytes(size, "little")


def from_database(name):
    found = log.Log(os.path.join(GOLDEN, name, "db"))
    put("superblock", name, log.read(os.path.join(GOLDEN, name, "db", "SUPERBLOCK"))[:64])
    for path, one in found.files:
        data = log.read(path)
        data = data[: len(data.rstrip(b"\0")) + 8]
        name_of_one = f"{name}-{one.base}"
        put("segment", name_of_one, data)
        put("segment_header", name_of_one, data[:96])
        if one.compacted:
            from_groups(name_of_one, one, data)
            put("segment", f"{name_of_one}-plain", without_compression(one, data))
    # One frame in four has most of what there is.
    for frame in list(found.frames())[::4]:
        one, payload = frame.segment, frame.payload
        name_of_one = f"{name}-{frame.lsn}"
        put("payload", name_of_one, payload)
        if payload[5] == 0 and frame.records == 1:
            put("record", name_of_one, payload[4:5] + payload[6:])
        if not one.compacted:
            data = log.read(os.path.join(GOLDEN, name, "db/log", one.path))
            end = frame.offset + log.FRAME_HEADER + log.padded(len(payload))
            put("frame", name_of_one, number(one.salt) + data[frame.offset : end])


def from_groups(name, one, data):
    footer = number(one.salt) + number(one.base) + number(one.footer) + data[one.footer :]
    put("footer", name, footer)
    at = log.HEADER
    while at < one.footer:
        first, frames, block, contents, _, end = log.block(one, data, at)
        put("block", f"{name}-{at}", number(one.salt) + number(at) + data[at:end])
        if block == 0:
            put("directory", f"{name}-{at}", number(first) + number(frames, 4) + contents)
        at = end


def without_compression(one, data):
    """The same segment with all blocks as they are, whose frames can be changed."""
    out, groups, frames_of_all, at = bytearray(data[:96]), b"", 0, log.HEADER
    while at < one.footer:
        first, frames, block, contents, _, at = log.block(one, data, at)
        if block == 0:
            groups += number(first) + number(len(out))
            frames_of_all += frames
            blocks = log.u32(contents, 0)
            lengths = [contents[8 + 8 * i : 12 + 8 * i] * 2 for i in range(blocks)]
            contents = contents[:4] + b"".join(lengths) + contents[4 + 8 * blocks :]
        body = contents + bytes(log.padded(len(contents)) - len(contents))
        head = b"SWBK" + bytes(4) + number(len(contents), 4) * 2 + number(first)
        head += number(frames, 4) + number(block, 4)
        head += number(log.seeded(one.salt, len(out), log.STORED, body), 4)
        head += number(log.seeded(one.salt, len(out), log.BLOCK, head), 4)
        out += head + body
    out[64:72] = number(len(out))
    out[92:96] = number(zlib.crc32(out[:92]), 4)
    footer = b"STEPWFTR" + number(frames_of_all) + number(len(groups) // 16) + groups
    return bytes(out) + footer + number(log.seeded(one.salt, one.base, log.FOOTER, footer), 4)


def by_rule():
    chance = random.Random(1)
    for seed in range(16):
        data = chance.randbytes(700)
        put("operations", str(seed), data)
        put("open", str(seed), data[: 1 + 8 * (1 + seed % 4)])
    rule = '{"a":{"$gte":1,"$lt":2},"$or":[{"b":"x"},{"$not":{"c.d":null}}]}'
    put("filter", "rule", rule.encode() + b'{"a":1,"b":"x","c":{"d":[1]}}' + number(len(rule), 1))
    put("values", "list", b'[1,"two",{"three":[]}]4[]\x17\x01\x00\x10')
    put("delta", "list", b"[1,2,3,4,5,6,7,8,9,10][1,2,3,4,5,6,7,8,9,10,11]\x16")
    put("keys", "checkpoint", b"\x05" + number(1) + b"namespace\0id\0\x05" + number(2) + b"a\0b\0\x16\x0f")


def main():
    for name in ["v2-plain", "v2-everything", "v2-compacted"]:
        from_database(name)
    by_rule()


if __name__ == "__main__":
    main()
