"""Artifacts made by their own libraries (``make test-artifacts``): each is served as its library answers,
on 2,000 real hours, or refused for the documented reason.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.importing.foreign import check

CASES = sorted(Path(os.environ["CASES"]).iterdir()) if "CASES" in os.environ else []

pytestmark = pytest.mark.skipif(not CASES, reason="make test-artifacts makes the cases")


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_it_is_served_as_its_library_answers_or_refused(folder: Path, tmp_path: Path) -> None:
    check(folder, np.load(folder / "x.npy"), tmp_path)
