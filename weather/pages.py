"""What people and API clients see besides the forecast: welcome, docs, OpenAPI document."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from weather.openapi import document
from weather.settings import API_KEYS_FILE

STATIC = Path(__file__).parent / "static"

PAGE_HEADERS = {
    # Swagger UI sets inline styles; scripts come from this host's files only.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def welcome(request: Request) -> Response:
    """JSON for API clients, a page for browsers."""
    if "text/html" in request.headers.get("accept", ""):
        return FileResponse(STATIC / "index.html", headers={**PAGE_HEADERS, "Vary": "Accept"})
    return JSONResponse(
        {
            "Hello": "Welcome to weather prediction service, POST seven observations to /predict",
            "links": {
                "predict": "/predict",
                "docs": "/docs",
                "openapi": "/openapi.json",
                "live": "/livez",
                "ready": "/readyz",
                "metrics": "/metrics",
            },
        },
        headers={"Vary": "Accept"},
    )


async def docs(request: Request) -> Response:
    """Swagger UI, with the assets that BentoML ships and none from elsewhere."""
    return FileResponse(STATIC / "docs.html", headers=PAGE_HEADERS)


async def docs_script(request: Request) -> Response:
    """Starts Swagger UI; a file of its own, so that no inline script need be allowed."""
    return FileResponse(STATIC / "docs.js", media_type="text/javascript", headers=PAGE_HEADERS)


async def openapi(request: Request) -> Response:
    """The contract for machines."""
    return JSONResponse(document(keys=API_KEYS_FILE is not None))


pages = Starlette(
    routes=[
        Route("/", welcome),
        Route("/docs", docs),
        Route("/docs/start.js", docs_script),
        Route("/openapi.json", openapi),
        # BentoML's own document knows neither ranges nor error statuses; one truth is enough.
        Route("/docs.json", openapi),
    ]
)

PAGE_PATHS = {route.path for route in pages.routes if isinstance(route, Route)}
