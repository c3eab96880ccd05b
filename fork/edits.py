"""Passages of live files that are other in a fork. Each must be there once, or no fork is made."""

from __future__ import annotations

EDITS: dict[str, list[tuple[str, str]]] = {
    "weather/contract/manifest.py": [("    horizon_hours: int\n", "    horizon_hours: int | None = None\n")],
    "weather/importing/store.py": [("manifest.model_dump_json(indent=1)", "manifest.model_dump_json(indent=1, exclude_none=True)")],
}


class StaleEdit(RuntimeError):
    """A passage that an edit changes is no longer in its file; fork/edits.py must follow."""


def edited(name: str, text: str) -> str:
    """A live file's text with its edits.

    Raises:
        StaleEdit: a passage is not there, or more than once.
    """
    for old, new in EDITS.get(name, ()):
        if text.count(old) != 1:
            raise StaleEdit(f"{name} has {text.count(old)} times what fork/edits.py changes: {old!r}")
        text = text.replace(old, new)
    return text
