"""Reads what docs/format.md describes. Written from that page alone, without the engine's code."""
