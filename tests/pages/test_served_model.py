"""/model with and without a manifest and a card, and the card as HTML."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx
import pytest

from loadtest.serving import served
from tests.conftest import EXAMPLE
from weather.contract.manifest import Manifest
from weather.contract.names import CARD_FILE
from weather.contract.variables import FEATURES, LIMITS, UNITS
from weather.pages.served_model import card_html

PAGE = {"Accept": "text/html"}


def test_api_clients_get_the_manifest_as_json(client: httpx.Client, manifest: Manifest) -> None:
    answer = client.get("/model")
    assert answer.headers["content-type"] == "application/json"
    known = answer.json()
    assert known["name"] == manifest.name
    assert known["tags"]["classifier"] == f"weather-classifier:{known['version']}"
    assert (known["horizon_hours"], known["threshold"]) == (manifest.horizon_hours, manifest.threshold)
    assert known["calibrated"] is True
    assert known["start_up_check"] == "passed"
    assert known["metrics"] == manifest.metrics
    assert manifest.sha256.items() <= known["sha256"].items()
    assert [feature["name"] for feature in known["features"]] == list(FEATURES)
    for feature, trained in zip(known["features"], manifest.features, strict=True):
        assert tuple(feature["accepted"].values()) == LIMITS[trained.name]
        assert feature["unit"] == UNITS[trained.name]
        assert feature["training"] == {"minimum": trained.minimum, "maximum": trained.maximum}
    assert CARD_FILE in known["card"]


def test_the_tags_are_the_same_in_metrics(client: httpx.Client) -> None:
    metrics = client.get("/metrics").text
    for tag in client.get("/model").json()["tags"].values():
        assert f'"{tag}"' in metrics


def test_browsers_get_the_card_with_its_pictures(
    client: httpx.Client, manifest: Manifest, pair_folder: Path
) -> None:
    page = client.get("/model", headers=PAGE)
    assert page.headers["content-type"].startswith("text/html")
    assert f"<h2>Model card: {manifest.name}</h2>" in page.text
    assert "<strong>What it answers.</strong>" in page.text
    for name in client.get("/model").json()["card"]:
        if name != CARD_FILE:
            assert f'src="model/picture?name={name}"' in page.text
            picture = client.get("/model/picture", params={"name": name})
            assert picture.content == (pair_folder / name).read_bytes()
            assert picture.headers["content-type"] == "image/svg+xml"
            assert "sandbox" in picture.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["", "x.svg", CARD_FILE, "../manifest.json", "/etc/passwd"])
def test_other_names_are_a_404(client: httpx.Client, name: str) -> None:
    answer = client.get("/model/picture", params={"name": name})
    assert answer.status_code == 404
    assert answer.json().keys() == {"error", "detail"}


def test_without_manifest_and_card_the_page_says_so(old_url: str) -> None:
    known = httpx.get(f"{old_url}/model").json()
    for unknown in ("name", "horizon_hours", "threshold", "metrics", "data"):
        assert known[unknown] is None, unknown
    assert known["card"] == []
    assert known["calibrated"] is False
    assert known["start_up_check"] == "no golden rows"
    assert {feature["name"]: feature["training"] for feature in known["features"]} == dict.fromkeys(FEATURES)
    assert known["sha256"].keys() == {"svc.onnx", "compiled.onnx"}
    page = httpx.get(f"{old_url}/model", headers=PAGE).text
    assert "Imported without a manifest" in page
    assert "No model card was imported with this model" in page
    assert known["tags"]["classifier"] in page


def test_a_changed_card_is_not_shown_and_forecasts_continue(bentoml_home: Path, tmp_path: Path) -> None:
    home = shutil.copytree(bentoml_home, tmp_path / "home")
    stored = next(home.glob(f"models/weather-classifier/*/card/{CARD_FILE}"))
    stored.write_text("another card")
    with served(home) as url:
        assert "has changed since it was imported" in httpx.get(f"{url}/model", headers=PAGE).text
        assert httpx.get(f"{url}/model").json()["card"] == []
        assert httpx.post(f"{url}/predict", json=EXAMPLE).status_code == 200


def test_html_in_a_card_is_escaped_and_only_web_links_are_kept() -> None:
    text = card_html(
        "# Card\n<script>alert(1)</script>\n\n[a](javascript:alert) [b](file:///etc/passwd) "
        "[c](https://example.com) [d](data:text/html,x) ![e](https://example.com/e.svg) "
        '![f](f.svg) ![g](g.svg"onerror="x)\n\n| a |\n|---|\n| <b onclick=x> |\n',
        {"f.svg"},
    )
    assert "<h2>Card</h2>" in text
    assert "<script" not in text
    assert "<b " not in text
    for scheme in ("javascript:", "file:", "data:"):
        assert f'"{scheme}' not in text
    assert '<a href="https://example.com">c</a>' in text
    assert 'src="model/picture?name=f.svg"' in text
    assert 'tabindex="0"><table>' in text
    assert "onerror=" not in text.replace("&quot;onerror=&quot;", "")


def test_clients_that_accept_any_media_type_get_json(client: httpx.Client) -> None:
    for accept in ("*/*", "application/json", "application/json, */*"):
        answer = client.get("/model", headers={"Accept": accept})
        assert json.loads(answer.content)["card"]
        assert answer.headers["vary"] == "Accept"
