"""A fresh database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell import Stepwell, StepwellSaver


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Stepwell]:
    with Stepwell.open(tmp_path / "db") as db:
        yield db


@pytest.fixture
def saver(db: Stepwell) -> StepwellSaver:
    return db.checkpointer()
