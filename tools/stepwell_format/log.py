"""Superblock, segments, blocks and frames: the parts of docs/format.md above "Records"."""

import os
import re
import uuid
import zlib
from collections import namedtuple

from . import zstd
from .bits import Bad, need

GIB = 1 << 30
HEADER, FRAME_HEADER, BLOCK_HEADER = 96, 40, 40
FRAME, PAYLOAD, FOOTER, BLOCK, STORED = 1, 2, 3, 4, 5

Superblock = namedtuple("Superblock", "uuid clean epoch watermark newest")
Segment = namedtuple("Segment", "path uuid base salt previous end footer compacted as_of length")
Frame = namedtuple("Frame", "segment offset lsn records synced payload")


def u32(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def u64(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def padded(n):
    return (n + 7) & ~7


def seeded(salt, place, role, data):
    seed = salt.to_bytes(8, "little") + place.to_bytes(8, "little") + bytes([role])
    return zlib.crc32(data, zlib.crc32(seed))


def superblock(data, named):
    """The slot that counts. `named` gives the databases that headers of segments name."""
    slots = []
    for at in (0, 4096):
        slot = data[at : at + 4096]
        if len(slot) == 4096 and slot[:8] == b"STEPWELL" and zlib.crc32(slot[:4092]) == u32(slot, 4092):
            need(u32(slot, 8) == 2, f"superblock: format version {u32(slot, 8)}")
            need(u32(slot, 12) <= 1 and not any(slot[56:4092]), "superblock: of a newer version")
            name = str(uuid.UUID(bytes=bytes(slot[16:32])))
            slots.append(Superblock(name, u32(slot, 12) == 1, u64(slot, 32), u64(slot, 40), u64(slot, 48)))
    need(slots, "superblock: no slot counts")
    if len({slot.uuid for slot in slots}) == 2:
        here = named()
        slots = [slot for slot in slots if slot.uuid in here]
        need(len(slots) == 1, "superblock: two databases")
    return max(slots, key=lambda slot: slot.epoch)


def segment(path, base, data):
    need(len(data) >= HEADER and data[:8] == b"STEPWSEG", f"{path}: no segment header")
    need(zlib.crc32(data[:92]) == u32(data, 92), f"{path}: checksum of the header")
    need(u32(data, 8) == 2 and u32(data, 12) == HEADER, f"{path}: format version {u32(data, 8)}")
    kind = u32(data, 72)
    need(kind in (1, 2), f"{path}: kind {kind}")
    need(u64(data, 32) == base, f"{path}: the base is not that of the name")
    rest = [u64(data, at) for at in (56, 64, 76, 84)]
    need(kind == 2 or not any(rest), f"{path}: of a newer version")
    name = str(uuid.UUID(bytes=bytes(data[16:32])))
    return Segment(path, name, base, u64(data, 40), u64(data, 48), rest[0], rest[1], kind == 2, rest[2], rest[3])


def frame(of, data, offset):
    """The frame at `offset` of `data`, and where it ends; None if there is no valid one."""
    head = data[offset : offset + FRAME_HEADER]
    if len(head) < FRAME_HEADER or head[:4] != b"SWFR":
        return None
    length, records, lsn, synced = u32(head, 8), u32(head, 12), u64(head, 16), u64(head, 24)
    if seeded(of.salt, lsn, FRAME, head[:36]) != u32(head, 36):
        return None
    need(head[4] == 1 and not any(head[5:8]), f"{of.path}: a frame of a newer version at {offset}")
    end = offset + FRAME_HEADER + padded(length)
    if not length or not records or synced > lsn or end - offset > GIB or end > len(data):
        return None
    body = data[offset + FRAME_HEADER : end]
    if seeded(of.salt, lsn, PAYLOAD, body) != u32(head, 32):
        return None
    return Frame(of, offset, lsn, records, synced, bytes(body[:length])), end


def ordinary(of, data, end):
    """The frames of an ordinary segment; up to `end` if it is sealed, else up to the first that is not valid."""
    at, lsn, synced = HEADER, of.base, 0
    while end is None or lsn < end:
        found = frame(of, data, at)
        if found is None or found[0].lsn != lsn:
            break
        yield found[0]
        lsn, at, synced = lsn + found[0].records, found[1], max(synced, found[0].synced)
    if end is not None:
        need(lsn == end, f"{of.path}: records {lsn} to {end} are not there (byte {at})")
    return lsn, at


def block(of, data, at):
    """The block at `at`: its group's first LSN and number of frames, its own number, its contents, lengths, end."""
    head = data[at : at + BLOCK_HEADER]
    where = f"{of.path}: block at {at}"
    need(len(head) == BLOCK_HEADER and head[:4] == b"SWBK", f"{where}: no header")
    need(seeded(of.salt, at, BLOCK, head[:36]) == u32(head, 36), f"{where}: checksum of the header")
    need(head[4] <= 1 and not any(head[5:8]), f"{where}: of a newer version")
    stored, length = u32(head, 8), u32(head, 12)
    end = at + BLOCK_HEADER + padded(stored)
    need(stored and 0 < length <= GIB and end <= of.footer, f"{where}: lengths")
    body = data[at + BLOCK_HEADER : end]
    need(seeded(of.salt, at, STORED, body) == u32(head, 32), f"{where}: checksum")
    if head[4] == 0:
        need(length == stored, f"{where}: lengths")
        contents = bytes(body[:stored])
    else:
        need(length <= 1024 * stored, f"{where}: lengths")
        contents = zstd.unpack(bytes(body[:stored]), length)
    return u64(head, 16), u32(head, 24), u32(head, 28), contents, (stored, length), end


def group(of, data, at):
    """The frames of the group at `at`, in the order of their LSNs, and where it ends."""
    where = f"{of.path}: group at {at}"
    first, count, number, directory, _, at = block(of, data, at)
    need(number == 0 and count and len(directory) >= 4, f"{where}: no directory")
    blocks = u32(directory, 0)
    need(0 < blocks <= 65535 and len(directory) == 4 + 8 * blocks + 6 * count, f"{where}: directory")
    frames = []
    for i in range(blocks):
        of_first, of_count, number, contents, lengths, at = block(of, data, at)
        said = u32(directory, 4 + 8 * i), u32(directory, 8 + 8 * i)
        need((of_first, of_count, number, lengths) == (first, count, i + 1, said), f"{where}: block {i + 1}")
        offset, last = 0, 0
        while offset < len(contents):
            found = frame(of, contents, offset)
            need(found is not None and found[0].lsn > last, f"{where}: block {i + 1}, byte {offset}")
            last, offset = found[0].lsn, found[1]
            frames.append((last, i, found[0]))
            need(len(frames) <= count, f"{where}: more frames than it says")
    frames.sort(key=lambda row: row[:2])
    lsn, deltas = first, 4 + 8 * blocks
    need(len(frames) == count, f"{where}: fewer frames than it says")
    for i, (have, number, _) in enumerate(frames):
        delta = u32(directory, deltas + 4 * i)
        lsn += delta
        of_block = int.from_bytes(directory[deltas + 4 * count + 2 * i :][:2], "little")
        need((have, number) == (lsn, of_block) and (delta > 0) == (i > 0), f"{where}: frame {i}")
    return [row[2] for row in frames], at


def compacted(of, data):
    """The frames of a compacted segment, checked against its footer."""
    at, lsn, count, groups, length = HEADER, of.base, 0, b"", 0
    need(HEADER <= of.footer <= len(data), f"{of.path}: footer")
    while at < of.footer:
        start = at
        frames, at = group(of, data, at)
        groups += frames[0].lsn.to_bytes(8, "little") + start.to_bytes(8, "little")
        count += len(frames)
        for one in frames:
            need(one.lsn >= lsn and one.lsn + one.records <= of.end, f"{of.path}: frame {one.lsn} is out of order")
            lsn = one.lsn + one.records
            length += FRAME_HEADER + padded(len(one.payload))
            yield one
    footer = b"STEPWFTR" + count.to_bytes(8, "little") + (len(groups) // 16).to_bytes(8, "little") + groups
    footer += seeded(of.salt, of.base, FOOTER, footer).to_bytes(4, "little")
    need(at == of.footer and data[at:] == footer, f"{of.path}: the footer is not that of the groups")
    need(length == of.length, f"{of.path}: the length of the frames")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def head(path):
    with open(path, "rb") as file:
        return file.read(HEADER)


def databases(paths):
    """The databases that the headers of these segments name, of those whose checksum is right."""
    heads = [data for data in map(head, paths) if len(data) == HEADER and data[:8] == b"STEPWSEG"]
    return {str(uuid.UUID(bytes=data[16:32])) for data in heads if zlib.crc32(data[:92]) == u32(data, 92)}


class Log:
    """The segments of a database that count. `end` and `cut` are known when all frames were read."""

    def __init__(self, directory):
        self.files, self.end, self.cut = [], 1, 0
        folder, covered = os.path.join(directory, "log"), 0
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        names = [name for name in names if re.fullmatch(r"\d{20}\.seg", name)]
        paths = [os.path.join(folder, name) for name in names]
        self.superblock = superblock(read(os.path.join(directory, "SUPERBLOCK")), lambda: databases(paths))
        for name, path in zip(names, paths):
            one = segment(name, int(name[:20]), head(path))
            if one.base < covered:
                continue  # a leftover of the compaction that made the one before
            need(one.uuid == self.superblock.uuid, f"{name}: of another database")
            self.files.append((path, one))
            covered = one.end if one.compacted else 0
        self.chain()

    def chain(self):
        self.segments = segments = [one for _, one in self.files]
        if not segments:
            need(self.superblock.newest == 0, "the log is missing")
            return
        need(segments[0].base == 1, f"{segments[0].path}: what is in front of it is missing")
        need(not segments[-1].compacted, f"{segments[-1].path}: the active segment is missing")
        need(segments[-1].base >= self.superblock.newest, f"segment {self.superblock.newest} is missing")
        for before, one in zip(segments, segments[1:]):
            if before.compacted:
                need(one.base == before.end and one.previous >= before.base, f"{one.path}: a gap in front of it")
            else:
                need(one.previous == before.base, f"{one.path}: a gap in front of it")

    def frames(self):
        """All frames that count, in the order of their LSNs."""
        for i, (path, one) in enumerate(self.files):
            data = read(path)
            if one.compacted:
                yield from compacted(one, data)
            elif i + 1 < len(self.files):
                yield from ordinary(one, data, self.files[i + 1][1].base)
            else:
                self.end, at = yield from ordinary(one, data, None)
                known = max([self.superblock.watermark] + [each.as_of for each in self.segments if each.compacted])
                need(self.end >= known, f"{one.path}: record {self.end} was durable and is not valid")
                self.judge(one, data, at)

    def judge(self, one, data, at):
        """What follows the last valid frame: the end of the log, a torn tail, or damage."""
        for offset in range(at, len(data) - FRAME_HEADER + 1, 8):
            if data[offset : offset + 4] == b"SWFR":
                head = data[offset : offset + FRAME_HEADER]
                lsn, synced = u64(head, 16), u64(head, 24)
                good = seeded(one.salt, lsn, FRAME, head[:36]) == u32(head, 36)
                if good and lsn >= self.end and synced > self.end:
                    raise Bad(f"{one.path}: record {self.end} was durable and is not valid (byte {at})")
        if any(data[at:]):
            self.cut = len(data) - at
