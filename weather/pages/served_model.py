"""The served model as a page and as JSON: its manifest and its model card.

Both are made once, when the service starts, from what was imported into the model store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bentoml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from weather.contract.names import CARD_FILE, CARD_FOLDER
from weather.contract.optional import optional_fields
from weather.contract.variables import FEATURES, VARIABLES
from weather.model.manifest import manifest_of
from weather.pages.assets import Asset
from weather.pages.rendering import render

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG opened by itself is a document; this policy allows it its own styles only."""


class ServedModel:
    """Page, JSON and pictures of a classifier; ``loaded`` is false if it failed its start-up check."""

    def __init__(self, scaler: bentoml.Model, classifier: bentoml.Model, loaded: bool) -> None:
        metadata: dict[str, Any] = classifier.info.metadata
        card = _card(classifier, metadata.get("card", {}))
        manifest = manifest_of(classifier)
        known = facts(str(scaler.tag), classifier, manifest, loaded, sorted(card))
        markdown = card.pop(CARD_FILE, b"").decode()
        page = render(
            "model.html",
            **known,
            card_html=card_html(markdown, card) if markdown else "",
            card_changed=bool(metadata.get("card")) and not markdown,
        )
        self.optional = optional_fields(manifest)
        self.facts = Asset(json.dumps(known, ensure_ascii=False).encode(), ".json", {"Vary": "Accept"})
        self.page = Asset(page, ".html", {"Content-Security-Policy": PAGE_POLICY, "Vary": "Accept"})
        self.pictures = {
            name: Asset(data, Path(name).suffix, {"Content-Security-Policy": PICTURE_POLICY})
            for name, data in card.items()
        }


def facts(
    scaler: str, classifier: bentoml.Model, manifest: Mapping[str, Any], loaded: bool, card: Iterable[str]
) -> dict[str, Any]:
    """The JSON form; without a manifest its values are null."""
    metadata: dict[str, Any] = classifier.info.metadata
    trained = {feature["name"]: feature for feature in manifest.get("features", ())}
    passed = "passed" if manifest.get("golden") else "no golden rows"
    return {
        "name": manifest.get("name"),
        "version": classifier.tag.version,
        "tags": {"scaler": scaler, "classifier": str(classifier.tag)},
        "imported": classifier.info.creation_time.isoformat(timespec="seconds"),
        "start_up_check": passed if loaded else "failed",
        "calibrated": metadata["calibrated"],
        "horizon_hours": manifest.get("horizon_hours"),
        "threshold": manifest.get("threshold"),
        "optional": sorted(optional_fields(manifest), key=FEATURES.index),
        "features": [
            {
                "name": name,
                "unit": variable.unit,
                "description": variable.description,
                "accepted": {"minimum": variable.low, "maximum": variable.high},
                "training": {end: trained[name][end] for end in ("minimum", "maximum")}
                if name in trained
                else None,
            }
            for name, variable in VARIABLES.items()
        ],
        **{part: manifest.get(part) for part in ("data", "split", "hyperparameters", "metrics", "versions")},
        "sha256": {**manifest.get("sha256", {}), **metadata["sha256"]},
        "card": list(card),
    }


def card_html(markdown: str, pictures: Collection[str]) -> str:
    """HTML of a model card, its headings one level lower.

    HTML in the Markdown is shown as text; only links to http and https and the card's own pictures
    are kept.
    """
    html: str = _CardMarkdown(pictures).render(markdown)
    return html


class _CardMarkdown(MarkdownIt):
    def __init__(self, pictures: Collection[str]) -> None:
        super().__init__("commonmark", {"html": False}, renderer_cls=_CardRenderer)
        self.enable("table")
        self.pictures = pictures
        self.core.ruler.push("lower_headings", lambda state: _lower(state.tokens))

    def validateLink(self, url: str) -> bool:  # noqa: N802
        """For links and pictures; those that are not valid stay text."""
        return url.lower().startswith(("https://", "http://")) or url in self.pictures


class _CardRenderer(RendererHTML):
    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Load it from the path of the card's pictures."""
        token = tokens[idx]
        token.attrs["src"] = f"model/picture?name={token.attrs['src']}"
        return super().image(tokens, idx, options, env)

    def table_open(self, *_: object) -> str:
        """Make wide tables scrollable, also by keyboard."""
        return '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>\n'

    def table_close(self, *_: object) -> str:
        return "</table></div>\n"


def _lower(tokens: Iterable[Token]) -> None:
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"


def _card(classifier: bentoml.Model, digests: Mapping[str, str]) -> dict[str, bytes]:
    """The card's files in the store; none if any is missing or has changed since the import."""
    files = {}
    for name, digest in digests.items():
        try:
            files[name] = Path(classifier.path_of(f"{CARD_FOLDER}/{name}")).read_bytes()
        except OSError:
            return {}
        if hashlib.sha256(files[name]).hexdigest() != digest:
            return {}
    return files
