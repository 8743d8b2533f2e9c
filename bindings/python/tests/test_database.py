"""What only a Stepwell database can do."""

from __future__ import annotations

from pathlib import Path

import pytest
from making import config, put

from stepwell import Retention, Stepwell, errors


def test_threads_are_listed_and_paged(db: Stepwell) -> None:
    saver = db.checkpointer()
    for n in range(5):
        put(saver, {"x": n}, thread=f"t{n}", user="even" if n % 2 == 0 else "odd")
    assert [t.thread_id for t in db.list_threads()] == ["t4", "t3", "t2", "t1", "t0"]
    page = db.list_threads(order="name", limit=2)
    rest = db.list_threads(order="name", after=page[-1].cursor)
    assert [t.thread_id for t in page + rest] == ["t0", "t1", "t2", "t3", "t4"]
    odd = db.list_threads(filter={"user": "odd"}, prefix="t")
    assert {t.thread_id for t in odd} == {"t1", "t3"}
    assert page[0].checkpoints == 1 and page[0].status == "idle"
    with pytest.raises(errors.InvalidRequestError):
        db.list_threads(status="asleep")  # type: ignore[arg-type]


def test_a_fork_shares_and_goes_its_own_way(db: Stepwell) -> None:
    saver = db.checkpointer()
    first = put(saver, {"x": 1})
    put(saver, {"x": 2}, first)
    forked = db.fork(first, "mine")
    assert forked["configurable"]["thread_id"] == "mine"
    put(saver, {"x": 3}, forked, thread="mine")
    mine, theirs = saver.get_tuple(config("mine")), saver.get_tuple(config())
    assert mine and mine.checkpoint["channel_values"] == {"x": 3}
    assert theirs and theirs.checkpoint["channel_values"] == {"x": 2}
    saver.delete_thread("t")
    assert len(list(saver.list(config("mine")))) == 3
    with pytest.raises(errors.ThreadNotFoundError):
        db.fork(config("nobody"), "other")
    with pytest.raises(errors.ThreadExistsError):
        put(saver, {"x": 1})
        db.fork(config(), "mine")


def test_tags_keep_what_pruning_removes(db: Stepwell) -> None:
    saver = db.checkpointer()
    at = [put(saver, {"x": [n] * 50}) for n in range(10)]
    db.tag(at[3], "good")
    assert [(t.name, t.checkpoint_id) for t in db.tags("t")] == [
        ("good", at[3]["configurable"]["checkpoint_id"])
    ]
    would = db.apply_retention(Retention(keep_last=2), dry_run=True)
    assert would.checkpoints == 7
    assert db.apply_retention(Retention(keep_last=2)).checkpoints == 7
    left = [found.checkpoint["channel_values"]["x"][0] for found in saver.list(config())]
    assert left == [9, 8, 3]
    db.untag("t", "good")
    saver.prune(["t"])
    assert len(list(saver.list(config()))) == 1
    with pytest.raises(errors.InvalidRequestError):
        saver.prune("t")
    with pytest.raises(errors.InvalidRequestError):
        saver.prune(["t"], strategy="nothing")


def test_a_difference_is_told(db: Stepwell) -> None:
    saver = db.checkpointer()
    first = put(saver, {"x": 1, "same": 1})
    second = put(saver, {"x": 2, "same": 1}, first, versions={"x": 2, "same": 1})
    found = db.diff(first, second)
    assert set(found["channels"]) == {"x"}
    with pytest.raises(errors.CheckpointNotFoundError):
        db.diff(first, config("nobody"))


def test_a_backup_is_a_database(db: Stepwell, tmp_path: Path) -> None:
    put(db.checkpointer(), {"x": 1})
    db.store().put(("a",), "k", {})
    db.backup(tmp_path / "backup")
    put(db.checkpointer(), {"x": 2})
    db.backup(tmp_path / "backup")
    with Stepwell.open(tmp_path / "backup") as copy:
        assert copy.stats().checkpoints == 2 and copy.stats().items == 1
        report = copy.verify()
        assert report.is_clean and report.checkpoints == 2 and report.findings == []
        assert copy.compact().bytes_after > 0


def test_figures_are_told_by_thread_and_channel(db: Stepwell) -> None:
    put(db.checkpointer(), {"long": "x" * 10_000, "short": 1})
    stats = db.thread_stats("t")
    assert stats and stats.checkpoints == 1
    assert stats.channels["long"].bytes > stats.channels["short"].bytes
    assert db.thread_stats("nobody") is None


def test_the_background_can_keep_retention(db: Stepwell) -> None:
    db.keep_retention(Retention(keep_last=1), interval=0.05)
    db.set_thread_retention("kept", Retention())
    saver = db.checkpointer()
    for n in range(5):
        put(saver, {"x": n})
        put(saver, {"x": n}, thread="kept")
    for _ in range(200):
        if len(list(saver.list(config()))) == 1:
            break
        import time

        time.sleep(0.05)
    assert len(list(saver.list(config()))) == 1
    assert len(list(saver.list(config("kept")))) == 5
    db.keep_retention(None)


def test_durabilities_are_checked(tmp_path: Path) -> None:
    for durability in ("sync", "os", 0.5):
        with Stepwell.open(tmp_path / "db", durability=durability) as db:
            put(db.checkpointer(), {"x": 1})
            put(db.checkpointer(durability="os"), {"x": 1})
    with pytest.raises(errors.InvalidRequestError):
        Stepwell.open(tmp_path / "db", durability="perhaps")
