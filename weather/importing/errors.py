"""The exception that importing raises."""

from __future__ import annotations


class BadArtifact(ValueError):
    """A file cannot be used as an artifact; the message says which file, why, and what to do."""
