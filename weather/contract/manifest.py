"""The manifest: what is known of a pair of artifacts beyond the files themselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Feature(BaseModel):
    """One input: its unit and the range it had in training."""

    model_config = ConfigDict(frozen=True)
    name: str
    unit: str
    minimum: float
    maximum: float


class GoldenRow(BaseModel):
    """A real observation and the answer the model gave it when it was trained."""

    model_config = ConfigDict(frozen=True)
    observation: dict[str, float]
    prediction: str
    probability: float


class Manifest(BaseModel):
    """What is known of a pair of artifacts beyond the files themselves."""

    model_config = ConfigDict(frozen=True)
    name: str
    horizon_hours: int
    threshold: float
    features: list[Feature]
    optional: list[str] = []
    """Features that may be missing: the model answers without them where they are NaN."""
    data: dict[str, Any]
    split: dict[str, Any]
    hyperparameters: dict[str, float]
    metrics: dict[str, Any]
    sha256: dict[str, str]
    versions: dict[str, str]
    golden: list[GoldenRow]
