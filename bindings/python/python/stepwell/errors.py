"""What can go wrong. Everything that Stepwell raises itself is a `StepwellError`."""

from __future__ import annotations

from langgraph.store.base import InvalidNamespaceError as _LangGraphsInvalidNamespaceError


class StepwellError(Exception):
    """Any failure or refusal of Stepwell."""


class DatabaseError(StepwellError):
    """The database, or the file system below it, failed."""


class DatabaseLockedError(DatabaseError):
    """Another process has the database open; the message says which."""


class DatabaseClosedError(DatabaseError):
    """The database was closed."""


class DatabaseCorruptError(DatabaseError):
    """Something that was durable is damaged or cannot be read. Nothing was changed."""


class DatabaseFormatError(DatabaseError):
    """Another version of Stepwell wrote the database."""


class OutOfSpaceError(DatabaseError):
    """There was no room for a commit. Nothing of it was kept; it can be tried again."""


class ReadOnlyError(DatabaseError):
    """The database was opened only to be looked at."""


class ForkedProcessError(DatabaseError):
    """The database was opened before this process was forked. Open databases after forking."""


class CheckpointError(StepwellError):
    """A checkpoint, or what belongs to it, was refused."""


class ThreadDeletedError(CheckpointError):
    """A write of a run that began before its thread was deleted. The thread stays deleted."""


class CheckpointPrunedError(CheckpointError):
    """A checkpoint takes values from its parent, which was pruned meanwhile."""


class CheckpointNotFoundError(CheckpointError, LookupError):
    """There is no such checkpoint."""


class ThreadNotFoundError(CheckpointError, LookupError):
    """The thread has no checkpoints."""


class ThreadExistsError(CheckpointError):
    """A thread was to be copied to one that has checkpoints."""


class NothingToAppendToError(CheckpointError):
    """A list was to grow that the checkpoint before does not have. The saver saves the whole list then."""


class MutatedMessageError(CheckpointError):
    """A message that was saved, and trusted not to change, was changed in place."""


class StoreError(StepwellError):
    """The store refused."""


class InvalidNamespaceError(StoreError, _LangGraphsInvalidNamespaceError):
    """A namespace cannot hold items. It is LangGraph's error of that name, too."""


class InvalidFilterError(StoreError, ValueError):
    """A filter cannot be evaluated."""


class InvalidRequestError(StepwellError, ValueError):
    """What was asked cannot be meant."""


class InternalError(StepwellError):
    """A defect of Stepwell. Please report it."""
