"""Compares how long containers of several images take from `run` to ready.

    deploy/image/engine.sh python -m deploy.image.starts rain-forecast:1.0.0 rain-forecast:1.1.0

Each round starts every image once, in random order; a ratio is of the same round.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from statistics import median

from deploy.image.container import started
from deploy.image.engines import NoEngine, usable_engine
from loadtest.tables import markdown_table


def seconds(engine: str, image: str) -> float:
    """From the engine's command to the first 200 of /readyz."""
    start = time.monotonic()
    with started(engine, image) as container:
        container.wait_until_ready()
        return time.monotonic() - start


def table(measured: dict[str, list[float]]) -> str:
    """Seconds of each image and their ratio to the first image: medians, lowest, highest."""
    first = next(iter(measured.values()))
    rows = []
    for image, values in measured.items():
        ratios = [value / other for value, other in zip(values, first, strict=True)]
        rows.append(
            (image, *(f"{median(of):.2f} ({min(of):.2f} … {max(of):.2f})" for of in (values, ratios)))
        )
    return markdown_table(("image", "seconds to ready", "of the first"), rows)


def main() -> int:
    """Measure and print the table; EX_UNAVAILABLE when there is no engine."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image.starts", description=__doc__)
    parser.add_argument("images", nargs="+", help="name:tag, the one to compare with first")
    parser.add_argument("--rounds", type=int, default=9, help="starts of each image (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        engine = usable_engine()
    except NoEngine as reason:
        print(reason, file=sys.stderr)
        return os.EX_UNAVAILABLE
    measured: dict[str, list[float]] = {image: [] for image in arguments.images}
    for _ in range(arguments.rounds):
        for image in random.sample(arguments.images, len(arguments.images)):
            measured[image].append(seconds(engine, image))
    print(table(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
