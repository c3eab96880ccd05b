"""The exception that scoring raises."""

from __future__ import annotations


class NotScorable(ValueError):
    """The rows can't be scored; the message says which file or folder, why, and what to do."""
