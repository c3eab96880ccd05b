"""The container engine that the images' tests use."""

from __future__ import annotations

import pytest

from deploy.image.engines import find_engine


@pytest.fixture(scope="session")
def engine() -> str:
    """One that can run containers."""
    found = find_engine()
    if found not in ("docker", "podman"):
        pytest.skip("neither docker nor podman works here; deploy/image/engine.sh may help")
    return found
