"""The rows of the table that ``make chaos`` prints."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.openloop import Outcome

HEADER = (
    "scenario",
    "load",
    "faults injected",
    "requests",
    "rejected (429)",
    "retried",
    "lost",
    "wrong answers",
    "recovery",
    "",
)


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    scenario: str
    load: str
    faults: str
    outcome: Outcome
    recovery: str
    remarks: str

    @property
    def failed(self) -> bool:
        """Whether a request was lost or a response was wrong."""
        return bool(self.outcome.lost or self.outcome.wrong or unexpected(self.outcome))

    def cells(self) -> list[str]:
        """The row as text."""
        o = self.outcome
        counts = [f"{o.offered:,}", f"{o.count(429):,}", f"{sum(o.retried.values()):,}", str(o.lost)]
        wrong = str(o.wrong + unexpected(o))
        return [self.scenario, self.load, self.faults, *counts, wrong, self.recovery, self.remarks]


def unexpected(outcome: Outcome) -> int:
    """Responses to valid requests that are neither a forecast nor a 429."""
    return len(outcome.responses) - outcome.count(200) - outcome.count(429)


def recovery(outcome: Outcome, baseline: Outcome | None) -> float:
    """Seconds from the start of a load until the service performs as at half load for the rest of it.

    The criterion: in each half second at least 90 % of the requests get a 200 within ten times the
    baseline's median latency, but not less than 20 ms.
    """
    limit = max(10 * (baseline.percentile(50) if baseline else 0) / 1000, 0.02)
    windows: dict[int, list[bool]] = {}
    for response in outcome.responses:
        good = response.status == 200 and response.latency < limit
        windows.setdefault(int(response.scheduled / 0.5), []).append(good)
    slow = [window for window, good in windows.items() if sum(good) < 0.9 * len(good)]
    return 0.5 * (max(slow) + 1) if slow else 0.0


def seconds(value: float) -> str:
    """A duration as text."""
    return f"{value:.1f} s" if value else "at once"
