"""LangGraph's own suite for checkpointers: every capability, none skipped."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from stepwell import Stepwell, StepwellSaver


async def test_every_capability_and_none_is_skipped(tmp_path: Path) -> None:
    count = 0

    @checkpointer_test(name="StepwellSaver")
    async def ours() -> AsyncGenerator[StepwellSaver, None]:
        nonlocal count
        count += 1
        with Stepwell.open(tmp_path / str(count)) as db:
            yield db.checkpointer()

    report = await validate(ours)
    report.print_report()
    results = report.to_dict()["results"]
    assert set(results) == {str(capability.value) for capability in Capability}
    for capability, result in results.items():
        assert result["passed"] is True, (capability, result)
        assert not result.get("skipped"), capability
        assert not result.get("tests_skipped"), capability
