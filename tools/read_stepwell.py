#!/usr/bin/env python3
"""Lists every record of a Stepwell database as JSON lines.

    read_stepwell.py DIRECTORY

Written from docs/format.md alone, with nothing but the standard library, as a proof that the page suffices.
Nothing is changed, and no lock is taken. The lines are: the database; each segment; each record, with the
values that its deltas make; the end of the log. What `stepwell dump` prints is the same.
"""

import json
import sys

from stepwell_format.bits import Bad
from stepwell_format.log import Log
from stepwell_format.records import records
from stepwell_format.values import Ref, Values


def lines(directory):
    log, values = Log(directory), Values()
    said = log.superblock
    yield {"database": said.uuid, "format": 2, "clean": said.clean, "watermark": said.watermark, "newest": said.newest}
    for one in log.segments:
        sealed = "compacted" if one.compacted else "sealed"
        yield {"segment": one.base, "kind": "active" if one is log.segments[-1] else sealed}
    for frame in log.frames():
        for i, (kind, fields, own) in enumerate(records(frame)):
            lsn = frame.lsn + i
            values.add(lsn, own)
            resolved = {key: at_last(one, values) for key, one in fields.items()}
            yield {"lsn": lsn, "frame": frame.lsn, "record": kind} | resolved
    yield {"end": log.end}
    if log.cut:
        print(f"a torn tail: {log.cut} bytes do not count", file=sys.stderr)


def at_last(field, values):
    """The field with its values in the place of what refers to them."""
    if isinstance(field, Ref):
        return values.printed(field)
    if isinstance(field, list):
        return [at_last(one, values) for one in field]
    return {key: at_last(one, values) for key, one in field.items()} if isinstance(field, dict) else field


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        for line in lines(sys.argv[1]):
            print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
    except (Bad, OSError, UnicodeDecodeError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
