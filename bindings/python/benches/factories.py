"""Savers for a bench that takes `--saver LABEL=factories:NAME`, as contexts in a directory of their own.

`saver.bench_bytes` tells what is stored: the log and the index, and, by itself, what the files take, with the space that is prepared ahead
of the log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepwell import Stepwell


@contextmanager
def stepwell(dir: str, trust: bool = False) -> Iterator[Any]:
    """As it comes."""
    with Stepwell.open(f"{dir}/db") as db:
        saver: Any = db.checkpointer(trust_messages=trust)

        def stored() -> dict[str, int]:
            files = (path.stat() for path in Path(dir).rglob("*") if path.is_file())
            stats = db.stats()
            total = stats.log_bytes + stats.index_bytes
            return {"total": total, "files": sum(of.st_blocks * 512 for of in files)}

        saver.bench_bytes = stored
        yield saver


def trusting(dir: str) -> Any:
    """With `trust_messages=True`."""
    return stepwell(dir, trust=True)
