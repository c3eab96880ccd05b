"""The error of importing."""

from __future__ import annotations


class BadArtifact(ValueError):
    """A file can't be used as an artifact; the message says which file, why, and what to do."""
