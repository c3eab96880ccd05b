"""A response's head and body in one write."""

from __future__ import annotations

from asyncio import Transport


class OneWrite:
    """The transport of one response: its first write, the head, is sent together with the second.

    uvicorn writes the head and the body of a response one after the other, and each write is a system
    call and a packet that wakes the client. At one connection joined writes bring a fifth more
    requests/s (docs/decisions/0039). ASGI allows a server to send the head only with the first part of
    the body.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.head: bytes | None = None
        self.joined = False

    def write(self, data: bytes) -> None:
        """Keep the head, or send data."""
        if self.joined:
            self.transport.write(data)
        elif self.head is None:
            self.head = data
        else:
            self.joined = True
            self.transport.write(self.head + data)

    def flush(self) -> None:
        """Send the head of a response that has no body, such as that of HEAD."""
        if self.head is not None and not self.joined:
            self.joined = True
            self.transport.write(self.head)

    def is_closing(self) -> bool:
        """As the transport."""
        return self.transport.is_closing()

    def close(self) -> None:
        """Send what was written, and close."""
        self.flush()
        self.transport.close()
