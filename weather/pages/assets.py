"""Static responses: bytes in memory with an ETag, so that a browser loads them once."""

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
    """Content with its headers; a client that has the content already gets 304.

    ``no-cache`` lets a browser keep the content but makes it revalidate each time. Otherwise it could use an
    old script with a new page after a deployment.
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
        """The content of a file, which is read once, here."""
        return cls(path.read_bytes(), path.suffix, headers)

    async def answer(self, request: Request) -> Response:
        """The content, or 304."""
        cached = request.headers.get("if-none-match", "")
        # A compressing proxy makes the tag weak, W/"…"; the content is the same.
        if self.tag in [tag.strip().removeprefix("W/") for tag in cached.split(",")]:
            return Response(status_code=304, headers=self.headers)
        return Response(self.content, media_type=self.media_type, headers=self.headers)
