"""``python -m stations``: run the service, configured by environment variables."""

from __future__ import annotations

import os
import signal
import socket
import sys
from types import FrameType

import uvicorn
from pydantic import ValidationError

from stations.app import create
from stations.logs import configure
from stations.settings import Settings

GRACE_SECONDS = 10
"""Time that requests in flight have to finish after the service was told to stop."""

MAX_HEAD_BYTES = 32 * 1024
"""Limit of the size of a request line and its headers."""


def main() -> int:
    """Serve until a signal; the exit code is 1 if the port can't be bound, 2 if a setting is invalid."""
    try:
        settings = Settings()
    except ValidationError as error:
        for fault in error.errors():
            print(f"STATIONS_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}", file=sys.stderr)
        return 2
    try:  # uvicorn reports a port in use only after the application has started
        socket.create_server(
            (settings.host, settings.port), family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        ).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        print(f"can't listen on {settings.host} port {settings.port}: {reason}", file=sys.stderr)
        return 1
    configure(settings.log_format)
    config = uvicorn.Config(
        create(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        # The client's address is not used, so headers of a proxy need not be read.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        # httptools is faster, but does not limit the size of a request's headers.
        http="h11",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    # uvicorn raises the signal again after it has stopped; the default handler would make the exit code -15.
    signal.signal(signal.SIGTERM, leave)
    uvicorn.Server(config).run()
    return 0


def leave(_: int, __: FrameType | None) -> None:
    """Handle SIGTERM: exit with code 0."""
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
