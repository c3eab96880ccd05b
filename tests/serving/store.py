"""A model store with two pairs, for tests that serve another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from weather.contract.names import CLASSIFIER, SCALER


@dataclass(frozen=True)
class Store:
    """A model store with two pairs; ``second`` has another threshold and slope than ``first``, the latest."""

    home: Path
    first: str
    second: str

    def promote(self, tag: str) -> None:
        """Make a classifier the latest."""
        part = self.home / "models" / CLASSIFIER / "latest.part"
        part.write_text(tag.partition(":")[2])
        part.replace(part.with_name("latest"))

    @property
    def scaler(self) -> str:
        """The tag of the scaler, which both pairs have."""
        (scaler,) = (self.home / "models" / SCALER).glob("*/")
        return f"{SCALER}:{scaler.name}"

    def folder(self, tag: str) -> Path:
        return self.home / "models" / CLASSIFIER / tag.partition(":")[2]
