"""The protocol's REST paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from weather.contract.version import VERSION
from weather.http.limits import MODEL
from weather.open_inference import metadata
from weather.open_inference.binary import HEADER
from weather.open_inference.model import InferenceModel
from weather.open_inference.rest_messages import parse, response
from weather.telemetry import model_version

MODEL_PATHS = {f"{MODEL}{path}" for path in ("", "/ready", "/infer")}
"""The paths of the model as metrics have them; any version is counted there too."""

JSON = "application/json"
BINARY = "application/octet-stream"


class Rest:
    """The endpoints; ``model`` is called for each request: it is there after the start, and may change."""

    def __init__(self, model: Callable[[], InferenceModel]) -> None:
        self.model = model

    @property
    def routes(self) -> list[Route]:
        """A route each, the version optional."""
        return [
            *(Route(path, self.server) for path in ("/v2", "/v2/")),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            *(
                Route(f"/v2/models/{{name}}{version}{path}", endpoint, methods=[method])
                for version in ("", "/versions/{version}")
                for path, endpoint, method in (
                    ("", self.metadata, "GET"),
                    ("/ready", self.model_ready, "GET"),
                    ("/infer", self.infer, "POST"),
                )
            ),
        ]

    async def server(self, _: Request) -> Response:
        """What the server is."""
        return JSONResponse(metadata.server(self.model().name, VERSION))

    async def live(self, _: Request) -> Response:
        """Whether the process answers."""
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        """Whether forecasts can be had."""
        await self.model().check_ready()
        return JSONResponse({"ready": True})

    async def metadata(self, request: Request) -> Response:
        """What the model is."""
        model = self.asked(request)
        return JSONResponse(metadata.model(model.name, model.version, model.calibrated))

    async def model_ready(self, request: Request) -> Response:
        """Whether forecasts of the model can be had."""
        model = self.asked(request)
        await model.check_ready()
        return JSONResponse({"name": model.name, "ready": True})

    async def infer(self, request: Request) -> Response:
        """Forecasts."""
        model = self.asked(request)
        body = await request.body()
        model.admit(len(body))
        inference = parse(body, request.headers.get(HEADER))
        outputs = await model.infer(inference.inputs, inference.outputs)
        content, length = response(inference, model.name, model.version, outputs)
        headers = {model_version.HEADER.decode(): model.tag}
        if length is None:
            return Response(content, headers=headers, media_type=JSON)
        return Response(content, headers={**headers, HEADER: str(length)}, media_type=BINARY)

    def asked(self, request: Request) -> InferenceModel:
        """The model, if the path names it.

        Raises:
            Problem: 404.
        """
        parameters: dict[str, Any] = request.path_params
        model = self.model()
        model.check(parameters["name"], parameters.get("version", ""))
        return model
