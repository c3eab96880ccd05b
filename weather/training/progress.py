"""How training reports its progress."""

from __future__ import annotations

from collections.abc import Callable

Stage = Callable[[str, int], Callable[[], None]]
"""Begins a stage of so many steps; what it returns is called after each step."""
