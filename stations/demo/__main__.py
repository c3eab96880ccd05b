"""``make stations``: both services and a replayed week; prints the page's address, ends with Ctrl-C."""

from __future__ import annotations

import argparse
import sys

SPEED = 1000
"""A week in ten minutes."""


def main() -> int:
    """0 after Ctrl-C; 1 when a service did not start."""
    parser = argparse.ArgumentParser(prog="python -m stations.demo", description=__doc__)
    parser.add_argument(
        "--speed", type=float, default=SPEED, help="hours are so many times shorter (default: 1000)"
    )
    parser.add_argument("--port", type=int, help="of the page; default: a free one")
    given = parser.parse_args()
    # Imported here, so that --help needs no packages.
    from stations.demo.show import show

    return show(given.speed, given.port)


if __name__ == "__main__":
    sys.exit(main())
