"""Runs the parts of a job in processes of this machine or of a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path

from weather.scoring import folder as folders
from weather.scoring.errors import NotScorable
from weather.scoring.job import Job, Part, Result, result_of
from weather.scoring.parts import score_part
from weather.scoring.planning import parts_of

Step = Callable[[], None]

MAX_PENDING = 1000
"""Number of parts that are submitted at a time: enough for a cluster, and not all of millions of parts."""


def run(
    folder: Path, job: Job, model: bytes, executor: Executor, begun: Callable[[int, int], Step]
) -> folders.Summary:
    """Score the parts that are not done yet, and finish the folder.

    ``begun`` is called with the number of parts and the number of those already done; the function that it
    returns is called after each further part.

    Raises:
        NotScorable: an input, the folder or a worker is not as it must be.
    """
    digest = folders.begin(folder, job, model)
    parts = list(parts_of(job))
    results = {part.number: result for part in parts if (result := result_of(folder, job, part))}
    on_part = begun(len(parts), len(results))
    for result in _computed(executor, folder, digest, [p for p in parts if p.number not in results]):
        results[result.part.number] = result
        on_part()
    return folders.finish(folder, job, [results[part.number] for part in parts])


def _computed(executor: Executor, folder: Path, digest: str, parts: Sequence[Part]) -> Iterator[Result]:
    waiting = iter(parts)
    running: set[Future[Result]] = set()
    while True:
        for part in islice(waiting, MAX_PENDING - len(running)):
            running.add(executor.submit(score_part, str(folder.resolve()), digest, part))
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Processes of this machine, which end when this process ends, for any reason.

    Raises:
        NotScorable: a process was killed.
    """
    # Forking is not safe beside the threads of Arrow and ONNX Runtime.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(count, context, _begin_process)
    try:
        yield executor
    except BaseException as error:
        for child in multiprocessing.active_children():
            child.kill()  # it may be at a part for seconds
        if isinstance(error, BrokenProcessPool):
            raise NotScorable(
                "a process was killed, perhaps since memory ran out: run the same command again, with fewer "
                "--workers; parts that are done are kept"
            ) from None
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _begin_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the command ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process after its parent: a process that waits for work would not notice the parent's end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for_end([parent.sentinel])
    os._exit(1)
