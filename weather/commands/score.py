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
from weather.commands.output import REJECTED, print_message, print_result, spinner, stages
from weather.commands.parsers import Commands, add_command
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
        "--out", type=Path, required=True, metavar="FOLDER", help="new folder, or that of a run to resume"
    )
    command.add_argument("--tag", help="tag of a model in the model store, instead of artifacts")
    command.add_argument(
        "--keep",
        default="all",
        metavar="all|NAMES",
        help="input columns to copy, separated by commas; none for the forecast alone (default: all)",
    )
    command.add_argument(
        "--workers", type=int, metavar="N", help="processes on this machine (default: one per core)"
    )
    command.add_argument("--cluster", metavar="ADDRESS", help=cluster.HELP)
    command.add_argument(
        "--part-mb", type=float, default=32, metavar="N", help="size of a part of the input (default: 32)"
    )
    command.add_argument(
        "--fail-on-rejected", action="store_true", help=f"exit code {REJECTED} when any row was rejected"
    )


def score(arguments: argparse.Namespace) -> int:
    """Compute forecasts for CSV or Parquet files of any number of rows."""
    from weather.scoring import planning, running
    from weather.scoring.folder import locked
    from weather.scoring.job import REJECTED as SIDE_FILE
    from weather.scoring.job import Job, Source, sha256, versions
    from weather.training.words import counted

    if arguments.part_mb * 2**20 < 1 or (arguments.workers is not None and arguments.workers < 1):
        raise ValueError("--part-mb and --workers must be greater than 0")
    folder: Path = arguments.out
    paths = planning.files(arguments.inputs)
    form = planning.format_of(paths)
    with spinner("reading the model"):
        model, optional = _model(arguments)
    keep = {"all": None, "none": []}.get(arguments.keep, arguments.keep.split(","))
    columns = planning.columns_of(paths, form, keep, optional)
    job = Job(
        sources=[Source.of(path) for path in paths],
        columns=columns,
        format=form,
        optional=sorted(optional),
        model=sha256(model),
        part_bytes=int(arguments.part_mb * 2**20),
        versions=versions(),
    )
    print_message(
        f"{counted(len(paths), f'{form} file')}; kept beside the forecast: {', '.join(columns) or 'nothing'}"
    )
    for path in planning.unended(job):
        print_message(
            f"{path} does not end with a line break: if it was cut off, its last row may be wrong", "yellow"
        )
    with locked(folder), _executor(arguments) as executor, stages() as stage:

        def begun(parts: int, done: int) -> running.Step:
            if done:
                print_message(f"{done:,} of {parts:,} parts are done already")
            return stage("scoring", parts - done)

        summary = running.run(folder, job, model, executor, begun)
    forecasts = counted(summary.forecasts, "forecast")
    print_message(f"{counted(summary.rows, 'row')}: {forecasts}, {summary.rejected:,} rejected")
    if summary.rejected:
        print_message(f"why: {folder / SIDE_FILE}", "yellow")
    print_result({"out": str(folder), **summary.model_dump()}, str(folder), arguments.json)
    return REJECTED if summary.rejected and arguments.fail_on_rejected else 0


def _model(arguments: argparse.Namespace) -> tuple[bytes, frozenset[str]]:
    """The compiled classifier as ONNX, and the fields that may be missing."""
    from weather.contract.optional import optional_fields
    from weather.importing.compiling.sandbox import compile_in_subprocess

    if arguments.tag is None:
        artifacts = artifacts_of(arguments)
        manifest = artifacts.manifest.model_dump() if artifacts.manifest else {}
        return compile_in_subprocess(artifacts).model, optional_fields(manifest)
    if arguments.scaler is not None or arguments.model is not None:
        raise BadArtifact("give a tag or artifacts, not both")
    import bentoml
    from bentoml.exceptions import BentoMLException

    from weather.contract.names import COMPILED_FILE
    from weather.model.loading import load
    from weather.model.manifest import manifest_of

    try:
        classifier = bentoml.models.get(arguments.tag)
        scaler = bentoml.models.get(str(classifier.info.metadata["scaler"]))
    except (BentoMLException, KeyError) as error:
        raise BadArtifact(f"{arguments.tag} is not a classifier in the model store: {error}") from None
    load(scaler, classifier)  # checks the files and the golden rows
    return Path(classifier.path_of(COMPILED_FILE)).read_bytes(), optional_fields(manifest_of(classifier))


@contextmanager
def _executor(arguments: argparse.Namespace) -> Iterator[Executor]:
    from weather.scoring import running

    if arguments.cluster is None:
        with running.processes(arguments.workers or os.cpu_count() or 1) as executor:
            yield executor
    elif arguments.workers is not None:
        raise ValueError("--workers are processes of this machine: a cluster has workers of its own")
    else:
        with cluster.connected(arguments.cluster) as client:
            yield client.get_executor(pure=False)  # type: ignore[no-untyped-call]
