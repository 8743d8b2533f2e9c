"""Durable, small and fast checkpoints and long-term memory for LangGraph, in one embedded database."""

from stepwell import errors
from stepwell.database import Stepwell
from stepwell.errors import StepwellError
from stepwell.reports import Retention
from stepwell.saver import StepwellSaver
from stepwell.store import StepwellStore

__all__ = [
    "Retention",
    "Stepwell",
    "StepwellError",
    "StepwellSaver",
    "StepwellStore",
    "errors",
]
