"""The upper limit: an ASGI application that sends a constant response."""

from starlette.types import Receive, Scope, Send

BODY = b'{"prediction":"No_Rain","probability":0.041337}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, send the response."""
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})
