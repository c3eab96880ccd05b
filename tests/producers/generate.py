"""Writes artifacts as people make them, one folder a case in $CASES, with their libraries' own answers."""

from __future__ import annotations

import warnings

warnings.filterwarnings("ignore")  # the producers' own

from tests.producers.cases import (  # noqa: E402
    boosting_cases,
    graph_cases,
    label_cases,
    scaler_cases,
    sklearn_cases,
    small_cases,
)

if __name__ == "__main__":
    for cases in (sklearn_cases, boosting_cases, label_cases, graph_cases, scaler_cases, small_cases):
        cases.main()
