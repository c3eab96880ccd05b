"""Requests from web pages of other origins (CORS)."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from weather.http.problems import Problem

EXPOSED = ("Retry-After", "X-Request-ID", "X-Model-Version", "Inference-Header-Content-Length")
"""Response headers that a page's script may read, besides those that it always may."""


class Cors(CORSMiddleware):
    """ASGI middleware, the outermost, so that every error has the headers and a preflight needs no key.

    Starlette's, with the service's error format for a preflight that asks for too much. Cookies mean
    nothing to the service, so credentials in the sense of CORS are not allowed; keys are headers.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("*",),
            allow_private_network=True,
            expose_headers=EXPOSED,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """As in Starlette."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        problem = Problem(400, "the service does not allow requests of that method from that origin")
        return problem.response({"Vary": response.headers["Vary"]})
