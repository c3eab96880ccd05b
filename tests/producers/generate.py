"""Writes artifacts as people make them, one folder a case in $CASES, with their libraries' own answers."""

from __future__ import annotations

import sys
import warnings

warnings.filterwarnings("ignore")

from tests.producers.cases import sklearn_cases

if __name__ == "__main__":
    for module in (sklearn_cases,):
        module.main()
