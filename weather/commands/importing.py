"""The ``import`` command, and the options by which commands take a pair of artifacts.

Packages are imported when a command runs, so that ``--help`` needs none.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from weather.commands.output import print_message, print_result, spinner
from weather.commands.parsers import Commands, add_command
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.importing.errors import BadArtifact

if TYPE_CHECKING:
    from weather.importing.reading.artifacts import Artifacts

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
NO_SCALER = "none"


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "import", import_artifacts, [pair_options()])
    command.add_argument(
        "--if-missing", action="store_true", help="do nothing when the store holds a pair already"
    )
    command.add_argument(
        "--keep-latest",
        action="store_true",
        help="add the pair, and leave the latest as it is; `promote` makes the new one the latest",
    )
    command.add_argument(
        "--check",
        type=Path,
        metavar="FILE.csv",
        help="import only if labels and probabilities are those in this file, columns label and probability",
    )
    command.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="how far probabilities may differ (default: 1e-5; 5e-3 for an SVC's own probabilities)",
    )


def pair_options() -> argparse.ArgumentParser:
    """Options that name a pair of artifacts, and say what its files do not."""
    options = argparse.ArgumentParser(add_help=False)
    pair = options.add_argument_group("artifacts", "default: those in artifacts/")
    pair.add_argument(
        "--scaler",
        metavar="FILE.pkl",
        help="pickle or joblib file of the scaler; none if the model scales its input itself",
    )
    pair.add_argument("--model", type=Path, metavar="FILE.onnx", help="ONNX file of the classifier")
    hints = options.add_argument_group("what the files can't tell")
    hints.add_argument("--rain-label", metavar="LABEL", help="the label that is rain")
    hints.add_argument("--logit", action="store_true", help="the model's scores are logits")
    hints.add_argument(
        "--input", choices=("raw", "scaled"), help="the model takes observations as they come, or scaled"
    )
    return options


def artifacts_of(arguments: argparse.Namespace) -> Artifacts:
    """Read the pair that the options name, by default the one in artifacts/.

    Raises:
        BadArtifact: a file can't be used, or only one of the two options is there.
    """
    from weather.importing.reading.artifacts import read
    from weather.importing.reading.hints import Hints
    from weather.importing.reading.scaler import read_scaler

    hints = Hints(arguments.rain_label, arguments.logit, arguments.input)
    if arguments.scaler is None and arguments.model is None:
        return read(ARTIFACTS / SCALER_FILE, ARTIFACTS / MODEL_FILE, hints)
    scaler = None if arguments.scaler in (None, NO_SCALER) else Path(arguments.scaler)
    if arguments.model is None:
        if scaler is not None:
            read_scaler(scaler)  # report a fault of the file itself first
        raise BadArtifact("give the model that belongs to the scaler: --model FILE.onnx")
    if arguments.scaler is None:
        raise BadArtifact(
            f"give the scaler that {arguments.model} was trained with, --scaler FILE.pkl, or --scaler none "
            "if the model scales its input itself"
        )
    return read(scaler, arguments.model, hints)


def import_artifacts(arguments: argparse.Namespace) -> None:
    """Import a scaler and a classifier into the model store."""
    from weather.model import bentoml_configuration

    bentoml_configuration.check()
    from weather.contract.variables import POSITIVE
    from weather.importing import latest as versions
    from weather.importing import store
    from weather.importing.compiling.sandbox import compile_in_subprocess
    from weather.importing.reference import compare
    from weather.importing.understanding.summary import describe_difference

    versions.settle()
    latest = versions.latest_pair()
    if arguments.if_missing and latest:
        print_message("the store holds a pair already; nothing added")
        print_result(
            dict(zip(("scaler", "classifier"), latest, strict=True)) | {"new": False},
            "\n".join(latest),
            arguments.json,
        )
        return
    artifacts = artifacts_of(arguments)
    with spinner("compiling and comparing with the original"):
        compiled = compile_in_subprocess(artifacts)
    agreement = compare(compiled, arguments.check, arguments.tolerance) if arguments.check else None
    imported = store.import_pair(artifacts, compiled, arguments.keep_latest)
    known = imported.manifest
    if imported.repaired:
        print_message(
            "already in the store, but changed, incomplete or of an earlier release; written again", "yellow"
        )
    else:
        print_message("imported" if imported.new else "already in the store; nothing added", "green")
    if imported.latest.classifier != str(imported.classifier):
        print_message(f"the latest stays {imported.latest.classifier}")
    for line in (*compiled.lines, *compiled.notes):
        print_message(line, "yellow" if line.startswith("WARNING") else "")
    if agreement:
        out = f", {agreement.left_out:,} more are outside of what is accepted" if agreement.left_out else ""
        largest = agreement.probability
        apart = "" if largest is None else f", probabilities by {describe_difference(largest)}"
        ties = f" but for {agreement.ties} at a tie" if agreement.ties else ""
        print_message(
            f"compared with {arguments.check}, {agreement.rows:,} rows{out}: no label differs{ties}{apart}",
            "green",
        )
    if known:
        print_message(f"{known.name}; {POSITIVE} above probability {known.threshold:g}")
    else:
        print_message("no manifest: horizon, threshold and training range are unknown", "yellow")
    print_message(artifacts.card.note)
    print_result(
        {
            "scaler": str(imported.scaler),
            "classifier": str(imported.classifier),
            "new": imported.new,
            "repaired": imported.repaired,
            "latest": imported.latest.classifier,
            "calibrated": compiled.calibrated,
            "horizon_hours": known.horizon_hours if known else None,
            "threshold": known.threshold if known else None,
            "understood": compiled.facts,
            "compared": asdict(agreement) if agreement else None,
            "notes": compiled.notes,
        },
        f"{imported.scaler}\n{imported.classifier}",
        arguments.json,
    )
