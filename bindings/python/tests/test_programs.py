"""LangGraph programs see with ours what they see with LangGraph's own, in one process and across restarts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
import snippets  # noqa: F401  (adds to the programs)
from programs import PROGRAMS

from stepwell import Stepwell


def as_json(seen: Any) -> Any:
    return json.loads(json.dumps(seen, default=str))


def expected(name: str) -> list[Any]:
    saver, store = InMemorySaver(), InMemoryStore()
    return [as_json(phase(saver, store)) for phase in PROGRAMS[name]]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_as_in_memory(name: str, tmp_path: Path) -> None:
    with Stepwell.open(tmp_path / "db") as db:
        saver, store = db.checkpointer(), db.store()
        seen = [as_json(phase(saver, store)) for phase in PROGRAMS[name]]
        assert db.verify().is_clean
    assert seen == expected(name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_goes_on_in_another_process(name: str, tmp_path: Path) -> None:
    seen = []
    for number in range(len(PROGRAMS[name])):
        script = Path(__file__).with_name("phase.py")
        argv = [sys.executable, str(script), str(tmp_path / "db"), name, str(number)]
        done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120)
        seen.append(json.loads(done.stdout.splitlines()[-1]))
    assert seen == expected(name)
