"""gRPC on a port of its own, in the worker's event loop; ``service.py`` imports this only if it is wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from weather.contract.variables import FEATURES, MAX_ROWS
from weather.http.api_keys import Keys, key_of
from weather.http.limits import MAX_BUFFERED_BYTES
from weather.http.problems import RETRY_HEADERS, Problem
from weather.open_inference.grpc_messages import CLASSES, METHODS, SERVICE
from weather.open_inference.grpc_service import GrpcService
from weather.open_inference.model import InferenceModel
from weather.telemetry.metrics import count_refusal
from weather.telemetry.request_id import HEADER, accept_or_create, current

log = logging.getLogger("bentoml.weather")

MAX_MESSAGE_BYTES = 64 * 1024 + 10 * len(FEATURES) * MAX_ROWS
"""Size of a request: names and parameters, and the largest number of rows, an element in 10 bytes at most."""

MAX_RECEIVING = MAX_BUFFERED_BYTES // MAX_MESSAGE_BYTES
"""Messages that may be arriving at once; the next call is answered with RESOURCE_EXHAUSTED."""

MAX_STREAMS = 256
"""Calls at once on one connection; a client queues the next one itself."""

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}

CANCELLED = 499
"""The status, in metrics, of a call that its client has given up."""


class Health(health.aio.HealthServicer):  # type: ignore[misc]
    """``grpc.health.v1``: serving while forecasts can be had, for the whole server and for ours."""

    def __init__(self, ready: Callable[[], Awaitable[bool]]) -> None:
        super().__init__()
        self.ready = ready

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Look now; ``Watch`` tells what was seen last."""
        await self.look()
        return await super().Check(request, context)

    async def look(self) -> None:
        """Set the status, which ``drain`` has fixed already once the service stops."""
        serving = health_pb2.HealthCheckResponse
        status = serving.SERVING if await self.ready() else serving.NOT_SERVING
        for service in ("", SERVICE):
            await self.set(service, status)


@dataclass(frozen=True)
class Tls:
    """Certificate chain and key in PEM; with ``clients``, certificates of theirs that are wanted."""

    certificate: bytes
    key: bytes
    clients: bytes | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """As gRPC takes them."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], self.clients, require_client_auth=self.clients is not None
        )


class GrpcServer:
    """The server. ``count`` is told of each call: path, HTTP's status for how it ended, seconds.

    Every method is one message in and one out. They are registered as streams, which look the same
    on the wire: so a key is asked for before a message is read, and the time that a message takes to
    come counts.
    """

    def __init__(
        self,
        model: Callable[[], InferenceModel],
        address: str,
        count: Callable[[str, int, float], None],
        seconds: float,
        keys: Keys | None = None,
        tls: Tls | None = None,
        shared_port: bool = False,
    ) -> None:
        self.address = address
        self.count = count
        self.seconds = seconds
        self.keys = keys
        self.tls = tls
        self.service = GrpcService(model)
        self.health = Health(lambda: model().ready())
        self.receiving = 0
        self.server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", int(shared_port)),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
            ]
        )
        handlers = {
            name: grpc.stream_unary_rpc_method_handler(partial(self.answer, name)) for name in METHODS
        }
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        services = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(services, self.server)

    async def start(self) -> int:
        """Listen; returns the port.

        Raises:
            RuntimeError: the address can't be listened on.
        """
        if self.tls is None:
            port: int = self.server.add_insecure_port(self.address)
        else:
            port = self.server.add_secure_port(self.address, self.tls.credentials())
        await self.health.look()
        await self.server.start()
        log.info("gRPC listens on %s%s", self.address, " with TLS" if self.tls else "")
        return port

    async def drain(self) -> None:
        """Not serving any more, for those who ask about the health; calls are still answered."""
        await self.health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Take no more calls, and end when those that run are answered, or late."""
        await self.server.stop(self.seconds)

    async def answer(self, name: str, messages: AsyncIterator[bytes], context: Any) -> bytes:
        """A call: its answer, or its status with the sentence that HTTP would give."""
        headers = [
            (key.encode(), value if isinstance(value, bytes) else value.encode())
            for key, value in context.invocation_metadata()
        ]
        request_id = accept_or_create(dict(headers).get(HEADER, b"")).decode()
        current.set(request_id)
        trailing = [(HEADER.decode(), request_id)]
        start = perf_counter()

        def count(status: int) -> None:
            self.count(f"/{SERVICE}/{name}", status, perf_counter() - start)

        try:
            answer = await self.respond(name, headers, messages)
        except Problem as problem:
            count(problem.status)
            for header, seconds in (RETRY_HEADERS.get(problem.status, {}) if problem.retry else {}).items():
                trailing += [(header.lower(), seconds), ("grpc-retry-pushback-ms", f"{seconds}000")]
            await context.abort(CODES[problem.status], problem.error, tuple(trailing))
        except asyncio.CancelledError:
            count(CANCELLED)
            raise
        count(200)
        context.set_trailing_metadata(tuple(trailing))
        return answer

    async def respond(
        self, name: str, headers: list[tuple[bytes, bytes]], messages: AsyncIterator[bytes]
    ) -> bytes:
        """The serialised answer to a call's message.

        Raises:
            Problem: 401 without a key, 504 when it took too long, 500 for a fault of ours, and what
                the methods raise.
        """
        if name == "ModelInfer" and self.keys is not None and not self.keys.accept(key_of(headers)):
            count_refusal("key")
            raise Problem(
                401,
                "this method wants an API key in its metadata: authorization: Bearer KEY, or x-api-key: KEY",
            )
        try:
            async with asyncio.timeout(self.seconds):
                request = await self.request(name, messages)
                answer = await getattr(self.service, name)(request)
                serialised: bytes = answer.SerializeToString()
                return serialised
        except TimeoutError:
            raise Problem(504) from None
        except Problem:
            raise
        except Exception:
            log.exception("gRPC: %s failed", name)
            raise Problem(500) from None

    async def request(self, name: str, messages: AsyncIterator[bytes]) -> Any:
        """The one message of a call.

        Raises:
            Problem: 429 when the memory for messages that are coming is taken, 400 for a message that
                is none.
        """
        if self.receiving >= MAX_RECEIVING:
            count_refusal("arriving")
            raise Problem(429)
        self.receiving += 1
        try:
            async for message in messages:
                return CLASSES[f"{name}Request"].FromString(message)
            raise Problem(400, "the call has no message")
        except DecodeError:
            raise Problem(400, f"the message is no {name}Request") from None
        finally:
            self.receiving -= 1
