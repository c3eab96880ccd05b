"""A fork's name, the names derived from it, and the translation of this project's words into the fork's."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import packages_distributions

RESERVED = frozenset(
    {"artifacts", "data", "deploy", "loadtest", "reports", "requirements", "service", "tests"}
)
"""Folders and modules that each fork has."""


class BadName(ValueError):
    """A name is not possible for a project; the message says why."""


@dataclass(frozen=True)
class Names:
    """The names of a fork, all derived from one, such as ``wine_quality``."""

    package: str
    """The Python package; also the name of the service and of its Bento, and the prefix of its metrics."""

    def __post_init__(self) -> None:
        """Check the name.

        Raises:
            BadName: it is not possible for a Python package and a Bento, or a module has it already.
        """
        name = self.package
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > 40:
            raise BadName(
                f"NAME={name} can't name a Python package and a Bento: give at most 40 lower-case letters, "
                "digits and single underscores, a letter first"
            )
        taken = name in RESERVED or name in sys.stdlib_module_names or name in packages_distributions()
        if taken or keyword.iskeyword(name) or keyword.issoftkeyword(name):
            raise BadName(f"NAME={name} is the name of a module already: choose another one")

    @cached_property
    def project(self) -> str:
        """``wine-quality``: the project, its image and its models."""
        return self.package.replace("_", "-")

    @cached_property
    def class_name(self) -> str:
        """``WineQuality``: the class of the service."""
        return "".join(part.capitalize() for part in self.package.split("_"))

    @cached_property
    def environment(self) -> str:
        """``WINE_QUALITY``: the prefix of the settings."""
        return self.package.upper()


def rules(names: Names) -> list[tuple[str, str]]:
    """Regular expressions and their replacements, to be applied in this order."""
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
        (r"Welcome to weather prediction service", f"Welcome to {names.project}"),
        (r"\bof weather\b", "of data"),
        (r"\bno weather has\b", "no data has"),
        (r"\bthe weather contract\b", "the contract"),
        (r"(?<![A-Za-z_])weather(?=[./\"'` )_-]|$)(?!_[a-z])", names.package),
        # The positive class, which is rain here.
        (r"\brain and no rain are two\b", "a positive and a negative one are two"),
        (r"\bno rain\b", "the negative class"),
        (r"\bRAIN_WORDS\b", "POSITIVE_WORDS"),
        (r"\bDRY_WORDS\b", "NEGATIVE_WORDS"),
        (r"\bRAIN\b", "DECISION"),
        (r"\brain-label\b", "positive-label"),
        (r"(?<![A-Za-z])(_?)(of_|is_)?rain(?![a-z])", r"\1\2positive"),
        (r"\brain(s|ed|ing|y)\b", "positive"),
        (r"\bRain\b", "The positive class"),
        (r"\bwet\b", "positives"),
        (r"\bdry\b", "negatives"),
        # A forecast is a prediction, also where it is a verb.
        (r"\b(to|can't|can) forecast\b", r"\1 predict"),
        (r"\b(that|model|which|it) forecasts\b", r"\1 predicts"),
        (r"(\"\"\"|\")Forecast (from|n|every|the)\b", r"\1Predict \2"),
        (r"(`POST /predict`` )forecasts\b", r"\1predicts"),
        (r">Forecast</button>", ">Predict</button>"),
        (r"forecast", "prediction"),
        (r"Forecast", "Prediction"),
        (r"FORECAST", "PREDICTION"),
        # The load test's clients, and the tests' artifacts of another origin.
        (r"\bstations(?=\.py|\b import)", "rows"),
        (r"\bStation\b", "Single"),
        (r"\bstation-(\d)", r"client-\1"),
        (r"\bstation(s?)\b", r"site\1"),
        (r"\bFront\b", "Burst"),
        (r"\bFRONT_SECONDS\b", "BURST_SECONDS"),
        (r"\bold_system\b", "foreign_pair"),
        (r"\bold_(home|url)\b", r"foreign_\1"),
        (r"\b(the|The) old system\b", "another system"),
        (r"_the_old_systems?_", "_another_systems_"),
        # Documents that a fork does not have.
        (r"\s*\(\[[\w.-]+\]\([\w.#-]+\)\)", ""),
        (r" \(docs/[^)\n]*\)", ""),
    ]


def renamed(text: str, names: Names) -> str:
    """The text or the path of a file, with this project's words replaced by the fork's."""
    for pattern, replacement in rules(names):
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text
