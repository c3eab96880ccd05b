"""Training: from samples to the artifacts and the model card."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from weather.contract.fields import TITLE
from weather.contract.manifest import Manifest
from weather.contract.names import CARD_FILE
from weather.contract.variables import NEGATIVE, POSITIVE
from weather.training import export
from weather.training.fitting import fit
from weather.training.samples import Samples
from weather.training.scores import scores
from weather.training.target import THRESHOLD

TEMPLATES = Environment(  # noqa: S701 (Markdown, of figures and names of files)
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def train(data: Samples, out: Path) -> Manifest:
    """Fit and verify a model, and write scaler, ONNX model, manifest and model card to ``out``."""
    model, held_out = fit(data.x, data.y)
    metrics = scores(held_out, data.y, THRESHOLD)
    manifest = export.write(out, model, data, {"cross_validation": metrics})
    text = TEMPLATES.get_template("card.md.j2").render(
        manifest=manifest, data=data, metrics=metrics, title=TITLE, positive=POSITIVE, negative=NEGATIVE
    )
    (out / CARD_FILE).write_text(re.sub(r"\n{3,}", "\n\n", text))
    return manifest
