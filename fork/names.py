"""A fork's name, the names made from it, and how the words of this project become those of the fork."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import packages_distributions

OWN = frozenset({"artifacts", "data", "deploy", "loadtest", "reports", "requirements", "service", "tests"})
"""Folders and modules of a fork."""


class BadName(ValueError):
    """A name that no project can have."""


@dataclass(frozen=True)
class Names:
    """``wine_quality`` and what is made of it."""

    package: str
    """Also the name of the service, of its Bento and of its metrics."""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            BadName: it can't be the name of a Python package and of a Bento.
        """
        name = self.package
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > 40:
            raise BadName(
                f"NAME={name} can't name a Python package and a Bento: give at most 40 lower-case letters, "
                "digits and single underscores, a letter first"
            )
        taken = name in OWN or name in sys.stdlib_module_names or name in packages_distributions()
        if taken or keyword.iskeyword(name) or keyword.issoftkeyword(name):
            raise BadName(f"NAME={name} is the name of a module already: choose another one")

    @cached_property
    def project(self) -> str:
        """``wine-quality``: of the project, its image and its models."""
        return self.package.replace("_", "-")

    @cached_property
    def class_name(self) -> str:
        """``WineQuality``: the service's class."""
        return "".join(part.capitalize() for part in self.package.split("_"))

    @cached_property
    def environment(self) -> str:
        """``WINE_QUALITY``: before the settings."""
        return self.package.upper()


def rules(names: Names) -> list[tuple[str, str]]:
    """Patterns and what replaces them, in this order."""
    return [
        # Names of the project.
        (r"\bRainForecast\b", names.class_name),
        (r"rain_for(e?)cast", names.package),
        (r"rain-forecast", names.project),
        (r"rain forecast", names.project),
        (r"\bRAIN_API_KEY\b", f"{names.environment}_API_KEY"),
        (r"(?<![A-Za-z])WEATHER_", f"{names.environment}_"),
        (r"\bweather-(scaler|classifier)\b", rf"{names.project}-\1"),
        (r"\bWeatherVariables\b", "InputVariables"),
        (r"Welcome to weather prediction service, POST", f"Welcome to {names.project}, POST"),
        (r"\btypical weather\b", "typical data"),
        (r"\bof weather\b", "of data"),
        (r"\bno weather has\b", "no data has"),
        (r"\bthe weather contract\b", "the contract"),
        (r"(?<![A-Za-z_])weather(?=[./\"'` )_-]|$)(?!_[a-z])", names.package),
        (r"\bfrom weather import\b", f"from {names.package} import"),
        # The positive class, which is rain here.
        (r"\b(which|that) is rain\b", r"\1 is positive"),
        (r"\bno rain\b", "the negative class"),
        (r"\bNo rain\b", "The negative class"),
        (r"\brain_class\b", "positive_class"),
        (r"\brain-label\b", "positive-label"),
        (r"(?<![A-Za-z])(_?)(of_|is_)?rain(?![a-z])", r"\1\2positive"),
        (r"(?<![A-Za-z])RAIN(?![A-Z])", "POSITIVE_NAME"),
        (r"\brain(s|ed|ing|y)\b", "positive"),
        (r"\bRain\b", "The positive class"),
        # A forecast is a prediction, also where it is a verb.
        (r"\b(to|can't|can) forecast\b", r"\1 predict"),
        (r"\b(that|model|which|it) forecasts\b", r"\1 predicts"),
        (r"^(\s*\"\"\"|\s*\")Forecast (from|n|every|the rows)\b", r"\1Predict \2"),
        (r"\"Forecast from\b", '"Predict from'),
        (r">Forecast</button>", ">Predict</button>"),
        (r"forecast", "prediction"),
        (r"Forecast", "Prediction"),
        (r"FORECAST", "PREDICTION"),
    ]


def renamed(text: str, names: Names) -> str:
    """A file's text, or its path, in the words of the fork."""
    for pattern, replacement in rules(names):
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text
