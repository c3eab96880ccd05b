"""What browsers fetch: bytes in memory, with a validator so that they fetch them once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


class Asset:
    """Some bytes and their headers; 304 for who has them already.

    ``no-cache`` lets a browser keep them and has it ask each time: after a deployment nobody has
    the old script with the new page.
    """

    def __init__(self, content: bytes, suffix: str, headers: Mapping[str, str]) -> None:
        self.content = content
        self.media_type = MEDIA_TYPES[suffix]
        self.tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        self.headers = {
            "Cache-Control": "no-cache",
            "ETag": self.tag,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **headers,
        }

    @classmethod
    def of(cls, path: Path, headers: Mapping[str, str]) -> Asset:
        """A file, read now."""
        return cls(path.read_bytes(), path.suffix, headers)

    async def answer(self, request: Request) -> Response:
        """The bytes, or 304."""
        known = request.headers.get("if-none-match", "")
        # A proxy that compresses makes the tag a weak one, W/"…"; it means the same here.
        if self.tag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
            return Response(status_code=304, headers=self.headers)
        return Response(self.content, media_type=self.media_type, headers=self.headers)
