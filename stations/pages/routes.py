"""The page and its files: its own, and the forecast page's style sheet, icon and texts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"

SHARED = Path(__file__).parents[2] / "weather" / "pages" / "static"
"""The forecast page's files; the image contains SHARED_FILES at the same place."""

SHARED_FILES = ("page.css", "icon.svg", "words.js")

MEDIA_TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

ACCEPTS_HTML = re.compile(r"text/html(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
"""``text/html`` in an Accept header, unless its weight is 0, which means "not acceptable"."""

LINKS = {
    "metar": "/metar",
    "reports": "/reports",
    "report": "/report",
    "stations": "/stations",
    "scores": "/scores",
    "export": "/export.csv",
    "live": "/livez",
    "ready": "/readyz",
    "metrics": "/metrics",
}


class Asset:
    """A static file, read once at the start, with an ETag."""

    def __init__(self, path: Path, headers: Mapping[str, str]) -> None:
        self.content = path.read_bytes()
        self.media_type = MEDIA_TYPES[path.suffix]
        self.tag = f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'
        self.headers = {
            "Cache-Control": "no-cache",
            "ETag": self.tag,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **headers,
        }

    async def answer(self, request: Request) -> Response:
        """The file, or 304 if the client has it already."""
        known = request.headers.get("if-none-match", "")
        if self.tag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
            return Response(status_code=304, headers=self.headers)
        return Response(self.content, media_type=self.media_type, headers=self.headers)


INDEX = Asset(STATIC / "index.html", {"Content-Security-Policy": POLICY, "Vary": "Accept"})
FILES = {
    path.name: Asset(path, {"Content-Security-Policy": "default-src 'none'"})
    for path in (*(SHARED / name for name in SHARED_FILES), *sorted(STATIC.iterdir()))
    if path.suffix != ".html"
}


async def welcome(request: Request) -> Response:
    """JSON for API clients, the page for browsers."""
    if ACCEPTS_HTML.search(request.headers.get("accept", "")):
        return await INDEX.answer(request)
    about = "Weather stations: POST /metar or /reports, and read the forecasts at /stations"
    return JSONResponse({"Hello": about, "links": LINKS}, headers={"Vary": "Accept"})


ROUTES = [
    Route("/", welcome),
    *(Route(f"/static/{name}", file.answer) for name, file in FILES.items()),
]
