"""A line of progress every few seconds while Locust runs, in the process that has the statistics."""

from __future__ import annotations

import sys
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

LINE_SECONDS = 5


def report_progress(environment: Environment, **_: Any) -> None:
    """Start the report; a listener of Locust's event ``test_start``."""
    if environment.web_ui is None and not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(_report, environment)


def _report(environment: Environment) -> None:
    seconds = 0
    while True:
        gevent.sleep(LINE_SECONDS)
        seconds += LINE_SECONDS
        total = environment.stats.total
        line = f"{seconds:4d} s: {total.num_requests:,} requests, {total.num_failures:,} failed"
        if environment.stats.errors:
            line += f", last: {list(environment.stats.errors.values())[-1].error}"
        print(line, file=sys.stderr, flush=True)
