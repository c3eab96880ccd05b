"""Small artifacts of the kinds that people bring, made by their own libraries (tests/producers)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.importing.foreign import check
from tests.producers.fixtures import CASES

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize("name", CASES)
def test_it_is_served_as_its_library_answers_or_refused(name: str, tmp_path: Path) -> None:
    check(FIXTURES / name, np.load(FIXTURES / "rows.npy"), tmp_path)
