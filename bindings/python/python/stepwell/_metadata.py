"""Metadata of checkpoints as JSON, and what else of a checkpoint has no other place."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

MARK = "__stepwell__"
"""What is under this name is not the user's."""

VERSION = 4
"""The version of checkpoints that needs no note."""

# What may be an integer that the engine does not have.
_LONG = re.compile(r"\d{19}")

# All that the engine has a place for.
_KNOWN = frozenset(
    {
        "v",
        "id",
        "ts",
        "channel_values",
        "channel_versions",
        "versions_seen",
        "updated_channels",
    }
)


def is_native(number: int) -> bool:
    """Whether the engine has such integers."""
    return -(2**63) <= number < 2**64


def dumps(
    metadata: Mapping[str, Any], checkpoint: Mapping[str, Any], serde: SerializerProtocol
) -> bytes:
    """The metadata of a checkpoint, and what else is to come back with it."""
    notes: dict[str, Any] = {}
    if checkpoint.get("v") != VERSION:
        notes["v"] = checkpoint.get("v")
    if "updated_channels" not in checkpoint:
        notes["no_updated"] = True
    if not isinstance(metadata.get("parents"), dict):
        notes["no_parents"] = True
    if len(checkpoint) > len(_KNOWN) or not _KNOWN.issuperset(checkpoint):
        more = {key: value for key, value in checkpoint.items() if key not in _KNOWN}
        if any(value for value in more.values()):
            notes["more"] = _wrapped(more, serde)
    whole = {**metadata, MARK: notes} if notes else metadata
    try:
        text = json.dumps(whole, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        text = None
    if text is None or _LONG.search(text):
        plain = _plain(whole, serde)
        text = json.dumps(plain, allow_nan=False, separators=(",", ":"))
    return text.encode()


def loads(text: bytes, serde: SerializerProtocol) -> tuple[dict[str, Any], dict[str, Any]]:
    """The metadata, and what else there is to say of the checkpoint."""
    if MARK.encode() in text:
        metadata: dict[str, Any] = json.loads(
            text, object_hook=lambda found: _unwrapped(found, serde)
        )
        notes = metadata.pop(MARK, {})
    else:
        metadata, notes = json.loads(text), {}
    if not notes.get("no_parents"):
        metadata.setdefault("parents", {})
    return metadata, notes


def _wrapped(value: Any, serde: SerializerProtocol) -> dict[str, Any]:
    tag, data = serde.dumps_typed(value)
    return {MARK: [tag, base64.b64encode(data).decode()]}


def _unwrapped(found: dict[str, Any], serde: SerializerProtocol) -> Any:
    inner = found.get(MARK)
    if len(found) == 1 and isinstance(inner, list):
        if len(inner) == 1:
            return int(inner[0], 16)
        tag, data = inner
        return serde.loads_typed((tag, base64.b64decode(data)))
    return found


def _plain(value: Any, serde: SerializerProtocol) -> Any:
    """`value` with everything that the engine's JSON does not have as the serializer makes it."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        # The serializer has no others either.
        return value if is_native(value) else {MARK: [hex(value)]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(of, serde) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(of, serde) for of in value]
    if isinstance(value, float) and value - value == 0:
        return value
    return _wrapped(value, serde)
