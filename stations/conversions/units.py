"""Units that reports may name, converted by pint.

| quantity | to | accepted names |
|---|---|---|
| temperature | °C | ``°C`` ``C`` ``degC`` ``celsius``, ``°F`` ``F`` ``degF`` ``fahrenheit``, ``K`` |
| humidity | 1 | ``1`` ``fraction``, ``%`` ``percent`` |
| wind speed | km/h | ``km/h`` ``kmh`` ``kph``, ``m/s`` ``mps``, ``mph``, ``kn`` ``kt`` ``knots``, ``ft/s`` |
| wind bearing | degree | ``°`` ``deg`` ``degree`` ``degrees`` |
| visibility | km | ``km``, ``m``, ``mi`` ``SM``, ``nmi``, ``ft`` |
| pressure | hPa | ``hPa`` ``mbar`` ``mb``, ``Pa``, ``kPa``, ``inHg``, ``mmHg``, ``psi`` |
| elevation | m | ``m``, ``ft`` |
| rain rate | mm/h | ``mm/h`` ``mm``, ``in/h`` ``in`` |

The factors are pint's. The names are a fixed list because pint's parser also evaluates arithmetic, so a
report could keep it computing for minutes.
"""

from __future__ import annotations

from pint import UnitRegistry

_registry: UnitRegistry[float] = UnitRegistry()

TARGETS = {
    "temperature": "degC",
    "humidity": "dimensionless",
    "speed": "kilometer / hour",
    "bearing": "degree",
    "visibility": "kilometer",
    "pressure": "hectopascal",
    "elevation": "meter",
    "rain_rate": "millimeter / hour",
}
"""What each quantity is converted to."""

NAMES: dict[str, dict[str, str]] = {
    "temperature": {
        **dict.fromkeys(("°C", "C", "degC", "celsius"), "degC"),
        **dict.fromkeys(("°F", "F", "degF", "fahrenheit"), "degF"),
        **dict.fromkeys(("K", "kelvin"), "kelvin"),
    },
    "humidity": {
        **dict.fromkeys(("1", "fraction"), "dimensionless"),
        **dict.fromkeys(("%", "percent"), "percent"),
    },
    "speed": {
        **dict.fromkeys(("km/h", "kmh", "kph"), "kilometer / hour"),
        **dict.fromkeys(("m/s", "mps"), "meter / second"),
        "mph": "mile / hour",
        **dict.fromkeys(("kn", "kt", "knots"), "knot"),
        "ft/s": "foot / second",
    },
    "bearing": dict.fromkeys(("°", "deg", "degree", "degrees"), "degree"),
    "visibility": {
        "km": "kilometer",
        "m": "meter",
        **dict.fromkeys(("mi", "SM"), "mile"),
        "nmi": "nautical_mile",
        "ft": "foot",
    },
    "pressure": {
        **dict.fromkeys(("hPa", "mbar", "mb"), "hectopascal"),
        "Pa": "pascal",
        "kPa": "kilopascal",
        "inHg": "inch_Hg",
        "mmHg": "millimeter_Hg",
        "psi": "psi",
    },
    "elevation": {"m": "meter", "ft": "foot"},
    "rain_rate": {
        **dict.fromkeys(("mm/h", "mm"), "millimeter / hour"),
        **dict.fromkeys(("in/h", "in"), "inch / hour"),
    },
}

_units = {
    (quantity, name): _registry.Unit(unit)
    for quantity, names in NAMES.items()
    for name, unit in names.items()
}
_targets = {quantity: _registry.Unit(unit) for quantity, unit in TARGETS.items()}


class UnknownUnit(ValueError):
    """The quantity has no unit of that name; the message lists the accepted names."""


def convert(quantity: str, value: float, unit: str) -> float:
    """Convert a value to the quantity's target unit.

    Raises:
        UnknownUnit: the unit's name is not in the table.
    """
    known = _units.get((quantity, unit))
    if known is None:
        raise UnknownUnit(f"unit {unit[:20]!r} is unknown; give one of {', '.join(NAMES[quantity])}")
    return float(_registry.Quantity(value, known).m_as(_targets[quantity]))
