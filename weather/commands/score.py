"""The ``score`` command."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from weather.commands import cluster
from weather.commands.importing import artifacts_of, pair_options
from weather.commands.output import REJECTED, busy, put, say, stages
from weather.commands.parsers import Commands, add_command
from weather.contract.optional import optional_fields
from weather.importing.errors import BadArtifact


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "score", score, [pair_options()])
    command.add_argument(
        "--in",
        dest="inputs",
        nargs="+",
        required=True,
        metavar="FILE",
        help="CSV or Parquet files, or quoted patterns: 'data/**/*.csv'",
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="a new one, or one to go on with"
    )
    command.add_argument("--tag", help="the model of this tag in the model store, instead of artifacts")
    command.add_argument(
        "--keep",
        default="all",
        metavar="all|NAMES",
        help="columns beside the forecast, separated by commas; none for the forecast alone (default: all)",
    )
    command.add_argument(
        "--workers", type=int, metavar="N", help="processes on this machine (default: one for each core)"
    )
    command.add_argument("--cluster", metavar="ADDRESS", help=cluster.HELP)
    command.add_argument(
        "--part-mb", type=float, default=32, metavar="N", help="size of a part of the input (default: 32)"
    )
    command.add_argument(
        "--fail-on-rejected", action="store_true", help=f"exit code {REJECTED} when any row was rejected"
    )


def score(given: argparse.Namespace) -> int:
    """Forecast the rows of CSV or Parquet files, any number of them."""
    from weather.scoring import planning, running
    from weather.scoring.folder import locked
    from weather.scoring.job import REJECTED as SIDE_FILE
    from weather.scoring.job import Job, Source, sha256, versions
    from weather.training.words import counted

    if given.part_mb * 2**20 < 1 or (given.workers is not None and given.workers < 1):
        raise ValueError("--part-mb and --workers must be greater than 0")
    folder: Path = given.out
    paths = planning.files(given.inputs)
    form = planning.format_of(paths)
    with busy("reading the model"):
        model, optional = _model(given)
    keep = {"all": None, "none": []}.get(given.keep, given.keep.split(","))
    columns = planning.columns_of(paths, form, keep, optional)
    job = Job(
        sources=[Source.of(path) for path in paths],
        columns=columns,
        format=form,
        optional=sorted(optional),
        model=sha256(model),
        part_bytes=int(given.part_mb * 2**20),
        versions=versions(),
    )
    say(f"{counted(len(paths), f'{form} file')}; kept beside the forecast: {', '.join(columns) or 'nothing'}")
    for path in planning.unended(job):
        say(f"{path} does not end with a line break: if it was cut off, its last row may be wrong", "yellow")
    with locked(folder), _executor(given) as executor, stages() as stage:

        def begun(parts: int, done: int) -> running.Step:
            if done:
                say(f"{done:,} of {parts:,} parts are done already")
            return stage("scoring", parts - done)

        summary = running.run(folder, job, model, executor, begun)
    forecasts = counted(summary.forecasts, "forecast")
    say(f"{counted(summary.rows, 'row')}: {forecasts}, {summary.rejected:,} rejected")
    if summary.rejected:
        say(f"why: {folder / SIDE_FILE}", "yellow")
    put({"out": str(folder), **summary.model_dump()}, str(folder), given.json)
    return REJECTED if summary.rejected and given.fail_on_rejected else 0


def _model(given: argparse.Namespace) -> tuple[bytes, frozenset[str]]:
    """The compiled classifier, and the fields that it can do without."""
    from weather.importing.compiling.sandbox import compile_apart

    if given.tag is None:
        artifacts = artifacts_of(given)
        manifest = artifacts.manifest.model_dump() if artifacts.manifest else {}
        return compile_apart(artifacts).model, optional_fields(manifest)
    if given.scaler is not None or given.model is not None:
        raise BadArtifact("give a tag or artifacts, not both")
    import bentoml
    from bentoml.exceptions import BentoMLException

    from weather.contract.names import COMPILED_FILE
    from weather.model.loading import load
    from weather.model.manifest import manifest_of

    try:
        classifier = bentoml.models.get(given.tag)
        scaler = bentoml.models.get(str(classifier.info.metadata["scaler"]))
    except (BentoMLException, KeyError) as error:
        raise BadArtifact(f"{given.tag} is not a classifier in the model store: {error}") from None
    load(scaler, classifier)  # which checks the files and the golden rows
    return Path(classifier.path_of(COMPILED_FILE)).read_bytes(), optional_fields(manifest_of(classifier))


@contextmanager
def _executor(given: argparse.Namespace) -> Iterator[Executor]:
    from weather.scoring import running

    if given.cluster is None:
        with running.processes(given.workers or os.cpu_count() or 1) as executor:
            yield executor
    elif given.workers is not None:
        raise ValueError("--workers are processes of this machine: a cluster has workers of its own")
    else:
        with cluster.connected(given.cluster) as client:
            yield client.get_executor(pure=False)  # type: ignore[no-untyped-call]
