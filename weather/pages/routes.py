"""The GET paths: welcome page, API documentation, the served model, the OpenAPI document."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from weather.http.openapi import document
from weather.http.problems import Problem, http_problem
from weather.pages.assets import Asset
from weather.pages.negotiation import wants_page
from weather.pages.rendering import render
from weather.pages.served_model import ServedModel

STATIC = Path(__file__).parent / "static"

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DOCS_POLICY = (
    # Swagger UI sets inline styles; scripts are loaded from this host only.
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
)

NOT_FOUND_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}

INDEX = Asset(render("index.html"), ".html", {"Content-Security-Policy": PAGE_POLICY, "Vary": "Accept"})
DOCS = Asset(render("docs.html"), ".html", {"Content-Security-Policy": DOCS_POLICY})
FILES = {
    path.name: Asset.of(path, {"Content-Security-Policy": "default-src 'none'"})
    for path in sorted(STATIC.iterdir())
}
"""The files that the pages load, by name; each has its own route."""


async def welcome(request: Request) -> Response:
    """JSON for API clients, a page for browsers."""
    if wants_page(request):
        return await INDEX.answer(request)
    return JSONResponse(
        {
            "Hello": "Welcome to weather prediction service, POST an observation to /predict",
            "links": {  # relative to this address, so that they work behind a path prefix
                "predict": "predict",
                "docs": "docs",
                "openapi": "openapi.json",
                "model": "model",
                "live": "livez",
                "ready": "readyz",
                "metrics": "metrics",
            },
        },
        headers={"Vary": "Accept"},
    )


async def model(request: Request) -> Response:
    """The served model: JSON for API clients, the model card for browsers."""
    served: ServedModel = request.app.state.served()
    return await (served.page if wants_page(request) else served.facts).answer(request)


async def picture(request: Request) -> Response:
    """A picture of the model card, named by a query parameter: paths are metric labels, so a fixed set."""
    served: ServedModel = request.app.state.served()
    asset = served.pictures.get(request.query_params.get("name", ""))
    return Problem(404).response() if asset is None else await asset.answer(request)


async def openapi(request: Request) -> Response:
    """The OpenAPI document; the served model decides which fields are optional."""
    state = request.app.state
    return JSONResponse(document(keys=state.keys_required, optional=state.served().optional))


def http_error(request: Request, error: Exception) -> Response:
    """Exception handler for Starlette's own errors: a page for a browser's 404, else the standard error body.

    A POST gets no page: Java's HttpURLConnection accepts HTML by default.
    """
    assert isinstance(error, HTTPException)
    if error.status_code != 404 or request.method not in ("GET", "HEAD"):
        return http_problem(request, error)
    if not wants_page(request):
        return Problem(404).response({"Vary": "Accept"})
    # Links are relative to the requested address, so that they work behind a path prefix. A browser resolves
    # them by the slashes of the raw path, where %2F does not count.
    root = "../" * (request.scope["raw_path"].count(b"/") - 1)
    return HTMLResponse(render("not_found.html", root=root), 404, NOT_FOUND_HEADERS)


ROUTES = [
    Route("/", welcome),
    # Swagger UI; BentoML serves its script and its style sheet.
    Route("/docs", DOCS.answer),
    Route("/model", model),
    Route("/model/picture", picture),
    Route("/openapi.json", openapi),
    # BentoML's path for its own document, which has neither ranges nor error statuses.
    Route("/docs.json", openapi),
    *(Route(f"/static/{name}", file.answer) for name, file in FILES.items()),
]

PAGE_PATHS = {route.path for route in ROUTES}


def create_app(keys_required: bool) -> Starlette:
    """The pages as an ASGI app; ``service.py`` sets ``state.served``, which returns a ``ServedModel``."""
    app = Starlette(routes=ROUTES, exception_handlers={HTTPException: http_error})
    app.state.keys_required = keys_required
    return app
