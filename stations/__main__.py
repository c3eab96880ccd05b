"""``python -m stations``: the service, with the settings of the environment."""

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
"""For requests in flight at the end."""


MAX_HEAD_BYTES = 32 * 1024
"""Of a request's line and headers."""


def main() -> int:
    """Serve until a signal; 0, 1 when the port can't be listened on, or 2 when a setting is wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        for fault in error.errors():
            print(f"STATIONS_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}", file=sys.stderr)
        return 2
    try:  # uvicorn would say so in the middle of its own start and end
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
        # Behind a proxy the client's address is of no use here.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        # httptools is faster, but has no limit on the size of a head.
        http="h11",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    # uvicorn raises the signal again when it has stopped; by default that would be exit code -15.
    signal.signal(signal.SIGTERM, leave)
    uvicorn.Server(config).run()
    return 0


def leave(_: int, __: FrameType | None) -> None:
    """Exit code 0."""
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
