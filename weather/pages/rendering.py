"""Rendering of the HTML templates; input variables and class labels come from the contract."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from weather.contract import fields, variables

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals |= {
    "root": "",
    "title": fields.TITLE,
    "question": fields.QUESTION,
    "summary": fields.SUMMARY,
    "examples_title": fields.EXAMPLES_TITLE,
    "examples": fields.EXAMPLES,
    "start": fields.EXAMPLES[0].observation if fields.EXAMPLES else fields.EXAMPLE,
    "binary": variables.BINARY,
    "variables": list(variables.VARIABLES.values()),
    "labels": variables.LABELS,
}


def number(value: float) -> str:
    """A number for an HTML attribute; with ``|signed`` for text."""
    return f"{value:.15g}"


def signed(text: str) -> str:
    """A number with a minus sign instead of a hyphen."""
    return text.replace("-", "\N{MINUS SIGN}")


def unit(name: str) -> str:
    """A unit as the page shows it after a value or a label."""
    return {"1": "", "degree": "°"}.get(name, name)


TEMPLATES.filters |= {"number": number, "signed": signed, "unit": unit}


def render(template: str, **values: object) -> bytes:
    """Render a page, in UTF-8. Links begin with ``root``, by default the empty string."""
    return TEMPLATES.get_template(template).render(**values).encode()
