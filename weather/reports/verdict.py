"""Whether a challenger should replace the served model: the rule, and how many days it still takes.

The difference of two scores of the same hours comes with a 95 % interval from whole days drawn with
replacement (``training.verification``). The rule decides by the Brier score where both models give
probabilities, else by the Heidke skill score:

- fewer than MIN_DAYS days, or than MIN_HOURS hours with or without rain: not enough;
- the interval is above 0: promote, unless the interval of the Heidke score is below 0;
- it is below 0: keep;
- it is within the margin on both sides: keep, since a change is not worth it;
- else not enough.

An interval narrows with the square root of the days. It excludes 0, if the difference stays what it is, or
fits into the margin, when its half-width h has come down to t = max(|difference|, margin); so about
days * ((h / t)^2 - 1) more days are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite

from weather.training.verification import Interval

PROMOTE, KEEP, NOT_ENOUGH = "promote", "keep", "not enough yet"

MIN_DAYS = 14
"""With fewer blocks, percentile intervals are too narrow: of 5 normal values they hold the mean in 85 % of
cases instead of 95 %, of 14 in 92 % (tests/reports/test_verdict.py)."""

MIN_HOURS = 10
"""With rain, and without."""

BRIER_MARGIN = 0.01
"""As a share of the served model's Brier score: a smaller difference is not worth a change."""

HSS_MARGIN = 0.01


@dataclass(frozen=True)
class Difference:
    """By how much the challenger is better in one score, with its 95 % interval."""

    value: float
    low: float
    high: float

    @staticmethod
    def of(gain: tuple[float, Interval]) -> Difference:
        """From ``Verification.gain``."""
        value, (low, high) = gain
        return Difference(value, low, high)

    @property
    def defined(self) -> bool:
        """False where one of both has no such score."""
        return isfinite(self.value) and isfinite(self.low) and isfinite(self.high)

    def __str__(self) -> str:
        return f"{self.value:+.4f} ({self.low:+.4f} … {self.high:+.4f})"


@dataclass(frozen=True)
class Verdict:
    """What to do; ``more_days`` is 0 unless there is not enough yet."""

    word: str
    more_days: int
    sentence: str


def decide(
    brier: Difference, hss: Difference, margin: float, days: int, wet_hours: int, dry_hours: int
) -> Verdict:
    """The verdict on paired forecasts of ``days`` days; ``margin`` is that of the Brier score."""
    name, judged, limit = ("Brier score", brier, margin) if brier.defined else ("HSS", hss, HSS_MARGIN)
    more = _few(days, min(wet_hours, dry_hours))
    if more or not judged.defined:
        narrowing = _narrowing(judged, limit, days) if judged.defined else 1
        return _wait(
            max(more, narrowing, 1),
            f"a verdict needs {MIN_DAYS} days, and {MIN_HOURS} hours each that rain followed or did not "
            f"follow; there are {days}, {wet_hours} and {dry_hours}",
        )
    gain = f"the challenger's gain in {name} is {judged}"
    if judged.low > 0:
        if hss.defined and hss.high < 0:
            return Verdict(KEEP, 0, f"keep: {gain}, but its yes/no forecasts are worse: HSS {hss}")
        return Verdict(PROMOTE, 0, f"promote: {gain}")
    if judged.high < 0:
        return Verdict(KEEP, 0, f"keep: {gain}")
    if -limit < judged.low and judged.high < limit:
        return Verdict(KEEP, 0, f"keep: {gain}, within ±{limit:.4f}, which is not worth a change")
    return _wait(_narrowing(judged, limit, days), f"{gain}, which may be of either sign")


def _wait(more: int, reason: str) -> Verdict:
    days = f"{more:,} more day{'' if more == 1 else 's'}"
    return Verdict(NOT_ENOUGH, more, f"not enough yet: about {days}: {reason}")


def _few(days: int, rarer: int) -> int:
    """How many more days until there are enough days and hours; as many again where no hour was seen."""
    hours = ceil(days * (MIN_HOURS / max(rarer, MIN_HOURS / 2) - 1)) if rarer < MIN_HOURS else 0
    return max(MIN_DAYS - days, hours, 0)


def _narrowing(judged: Difference, margin: float, days: int) -> int:
    half = (judged.high - judged.low) / 2
    target = max(abs(judged.value), margin)
    return max(ceil(days * ((half / target) ** 2 - 1)), 1)
