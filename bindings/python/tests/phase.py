"""Runs one phase of a program in a process of its own: `phase.py DIRECTORY PROGRAM NUMBER`."""

import json
import sys
from pathlib import Path

import snippets  # noqa: F401  (adds to the programs)
from programs import PROGRAMS

from stepwell import Stepwell

if __name__ == "__main__":
    with Stepwell.open(Path(sys.argv[1])) as db:
        seen = PROGRAMS[sys.argv[2]][int(sys.argv[3])](db.checkpointer(), db.store())
    print(json.dumps(seen, default=str))
