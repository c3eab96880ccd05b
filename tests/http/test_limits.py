"""Which paths forecast, whatever the model's version in them."""

from __future__ import annotations

import pytest

from weather.http.limits import BULK, ENDPOINTS, INFER, MAX_IN_FLIGHT, MODEL, SINGLE, endpoint_of, unversioned


@pytest.mark.parametrize(
    ("path", "known_as"),
    [
        (MODEL, MODEL),
        (f"{MODEL}/versions/v42", MODEL),
        (f"{MODEL}/versions/v42/ready", f"{MODEL}/ready"),
        (f"{MODEL}/versions/v42/infer", INFER),
        (f"{MODEL}/versions/a.b-c%20\n/infer", INFER),
        (f"{MODEL}/versions//infer", f"{MODEL}/versions//infer"),
        (f"{MODEL}/versions/v42/other", f"{MODEL}/versions/v42/other"),
        (f"{MODEL}/versions/v42/infer/", f"{MODEL}/versions/v42/infer/"),
        (f"{MODEL}/versions/a/b/infer", f"{MODEL}/versions/a/b/infer"),
        ("/v2/models/other/versions/v42/infer", "/v2/models/other/versions/v42/infer"),
        (f"/x{MODEL}/versions/v42/infer", f"/x{MODEL}/versions/v42/infer"),
    ],
)
def test_a_version_is_left_out_of_the_models_own_paths(path: str, known_as: str) -> None:
    assert unversioned(path) == known_as


def test_every_path_that_forecasts_has_limits_and_no_other() -> None:
    for path in (SINGLE, BULK, INFER):
        assert endpoint_of(path) is ENDPOINTS[path]
    assert endpoint_of(f"{MODEL}/versions/v42/infer") is ENDPOINTS[INFER]
    for path in ("/", "/livez", MODEL, f"{MODEL}/ready", f"{MODEL}/versions/v42", "/v2/models/other/infer"):
        assert endpoint_of(path) is None
    assert MAX_IN_FLIGHT.keys() == {SINGLE, BULK}
