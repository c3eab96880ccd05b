"""Records in which some fields may be missing, for models that answer without them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import GenericAlias
from typing import Annotated, Any, get_type_hints

from pydantic import Field, create_model

from weather.contract.variables import FEATURES, MAX_ROWS, Observations, WeatherVariables

NONE: frozenset[str] = frozenset()
"""The optional fields of most models."""


def optional_fields(manifest: Mapping[str, Any]) -> frozenset[str]:
    """The fields that a model can do without, from its manifest; none if the manifest is empty."""
    return frozenset(manifest.get("optional", ())).intersection(FEATURES)


@cache
def record_type(optional: frozenset[str]) -> type[WeatherVariables]:
    """``WeatherVariables``, but the fields of ``optional`` may be null or absent.

    A missing value is None in the record and NaN in ``as_rows``. Limits and faults are those of
    ``WeatherVariables``, which is the type itself if nothing is optional.
    """
    if not optional:
        return WeatherVariables
    hints = get_type_hints(WeatherVariables, include_extras=True)
    fields: dict[str, Any] = {}
    for name in optional:
        meaning = f"{WeatherVariables.model_fields[name].description}; null or absent if it is not measured"
        fields[name] = (Annotated[hints[name] | None, Field(description=meaning)], None)
    names = " and ".join(name for name in FEATURES if name in optional)
    made: type[WeatherVariables] = create_model(
        WeatherVariables.__name__,
        __base__=WeatherVariables,
        __doc__=f"One observation. The served model can do without {names}; every other field is required.",
        **fields,
    )
    return made


@cache
def observations_type(optional: frozenset[str]) -> type[Observations]:
    """``Observations`` of such records."""
    if not optional:
        return Observations
    records: Any = GenericAlias(list, (record_type(optional),))
    limits = Field(min_length=1, max_length=MAX_ROWS)
    fields: dict[str, Any] = {"observations": (records, limits)}
    made: type[Observations] = create_model(
        Observations.__name__, __base__=Observations, __doc__=Observations.__doc__, **fields
    )
    return made
