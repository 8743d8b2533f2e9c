"""A process that is killed goes on where it stood, and no finished step runs again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from killed import graph
from programs import thread

from stepwell import Stepwell


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_goes_on_where_it_stood(tmp_path: Path) -> None:
    script = str(Path(__file__).with_name("killed.py"))
    db, effects = str(tmp_path / "db"), tmp_path / "effects"
    wait = random.Random(7)
    kills = 6
    for kill in range(kills):
        before = len(effects.read_text().splitlines()) if effects.exists() else 0
        process = subprocess.Popen([sys.executable, script, db, str(effects)])
        for _ in range(1200):
            if effects.exists() and len(effects.read_text().splitlines()) > before + kill:
                break
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(wait.random() / 20)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Stepwell.open(db) as opened:
            assert opened.verify().is_clean
            app = graph(opened.checkpointer(), str(effects))
            log = app.get_state(thread("job")).values["log"]
            done = effects.read_text().splitlines()
            # A step that was reported has happened; the last of all may not be reported yet.
            assert log == [line for line in dict.fromkeys(done)][: len(log)]
    seen = Counter(effects.read_text().splitlines())
    assert sum(count - 1 for count in seen.values()) <= kills
    order = [line.split()[1] for line in dict.fromkeys(effects.read_text().splitlines())]
    assert order[:3] == ["one", "two", "three"] and len(order) > kills
