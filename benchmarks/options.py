"""The options of ``make bench``.

`make bench ARGS=--help` runs this module, before the environments of the peers are installed.
"""

from __future__ import annotations

import argparse

DESCRIPTION = """This service beside its peers, in parts that can be measured one by one.

Each server runs on one core, loaded from another. Read the ratios: each figure is the median of its rounds,
on one machine, in one run. In brackets is the interval in which the median of the ratio lies with a
confidence of 95 %.
"""

PARTS = ("peers", "ablations", "bulk", "growth", "instructions", "kernels")
"""What can be measured by itself."""


def bench() -> argparse.ArgumentParser:
    """Of ``make bench``."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    made.add_argument(
        "--rounds", type=int, default=7, help="at least 6 for confidence intervals (default: 7)"
    )
    made.add_argument("--seconds", type=int, default=2, help="of load at a time (default: 2)")
    made.add_argument("--only", default="", help="only the peers and ablations whose name contains this")
    made.add_argument(
        "--python",
        action="append",
        default=[],
        help="also measure this service on this Python; repeatable",
    )
    made.add_argument("--publish", action="store_true", help="write the tables to README.md and docs/")
    return made


if __name__ == "__main__":
    bench().print_help()
