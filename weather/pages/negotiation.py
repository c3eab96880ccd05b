"""The choice between a page and JSON, by the Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re

from starlette.requests import Request

WEIGHT = re.compile(r"q=[0-9]*\.?[0-9]+|q=[0-9]+\.")


def wants_page(request: Request) -> bool:
    """Whether the client names HTML, as browsers do, with a weight above 0 and not below that of JSON."""
    accept = ",".join(request.headers.getlist("accept"))
    html = weight(accept, "text/html")
    return html > 0 and html >= weight(accept, "application/json")


def weight(accept: str, media_type: str) -> float:
    """The weight of a media type in an Accept header; 0 if it is not named. Wildcards do not count."""
    for element in accept.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        if name == media_type:
            return next((float(each[2:]) for each in parameters if WEIGHT.fullmatch(each)), 1.0)
    return 0.0
