"""Common names of the contract's fields, and common words for its two classes."""

from __future__ import annotations

SYNONYMS: dict[str, tuple[str, ...]] = {}
"""Other names of a field; capitals, spaces and underscores don't matter."""

RAIN_WORDS = ("yes", "y", "true", "t", "positive")
DRY_WORDS = ("no", "n", "false", "f", "negative", "none")

STEMS: frozenset[str] = frozenset()
"""Words of the positive class within a label; with a negation they mean the other class."""
