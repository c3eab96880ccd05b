"""The ``import`` command, and the pair of artifacts that commands are given."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from weather.commands.output import busy, put, say
from weather.commands.parsers import Commands, add_command
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.contract.variables import POSITIVE
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts, read
from weather.importing.reading.hints import Hints
from weather.importing.reading.scaler import read_scaler

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
    """Options for a pair of artifacts and what the user says of it."""
    options = argparse.ArgumentParser(add_help=False)
    pair = options.add_argument_group("artifacts", "default: those in artifacts/")
    pair.add_argument(
        "--scaler",
        metavar="FILE.pkl",
        help="pickle or joblib file of the scaler; none if the model scales its input itself",
    )
    pair.add_argument("--model", type=Path, metavar="FILE.onnx", help="ONNX file of the classifier")
    said = options.add_argument_group("what the files can't tell")
    said.add_argument("--rain-label", metavar="LABEL", help="the label that is rain")
    said.add_argument("--logit", action="store_true", help="the model's scores are logits")
    said.add_argument(
        "--input", choices=("raw", "scaled"), help="the model takes observations as they come, or scaled"
    )
    return options


def artifacts_of(given: argparse.Namespace) -> Artifacts:
    """The pair that was given, or the one in artifacts/.

    Raises:
        BadArtifact: a file can't be used, or only one of two was given.
    """
    hints = Hints(given.rain_label, given.logit, given.input)
    if given.scaler is None and given.model is None:
        return read(ARTIFACTS / SCALER_FILE, ARTIFACTS / MODEL_FILE, hints)
    scaler = None if given.scaler in (None, NO_SCALER) else Path(given.scaler)
    if given.model is None:
        if scaler is not None:
            read_scaler(scaler)  # what is wrong with the file itself is said first
        raise BadArtifact("give the model that belongs to the scaler: --model FILE.onnx")
    if given.scaler is None:
        raise BadArtifact(
            f"give the scaler that {given.model} was trained with, --scaler FILE.pkl, or --scaler none if "
            "the model scales its input itself"
        )
    return read(scaler, given.model, hints)


def import_artifacts(given: argparse.Namespace) -> None:
    """Import a scaler and a classifier into the model store."""
    from weather.model import bentoml_configuration

    bentoml_configuration.check()
    from weather.importing import latest as versions
    from weather.importing import store
    from weather.importing.compiling.sandbox import compile_apart
    from weather.importing.reference import compare
    from weather.importing.understanding.summary import below

    versions.settle()
    latest = versions.latest_pair()
    if given.if_missing and latest:
        say("the store holds a pair already; nothing added")
        put(
            dict(zip(("scaler", "classifier"), latest, strict=True)) | {"new": False},
            "\n".join(latest),
            given.json,
        )
        return
    artifacts = artifacts_of(given)
    with busy("compiling and comparing with the original"):
        compiled = compile_apart(artifacts)
    agreement = compare(compiled, given.check, given.tolerance) if given.check else None
    imported = store.import_pair(artifacts, compiled, given.keep_latest)
    known = imported.manifest
    if imported.repaired:
        say("already in the store, but changed, incomplete or of an earlier release; written again", "yellow")
    else:
        say("imported" if imported.new else "already in the store; nothing added", "green")
    if imported.latest.classifier != str(imported.classifier):
        say(f"the latest stays {imported.latest.classifier}")
    for line in (*compiled.lines, *compiled.notes):
        say(line, "yellow" if line.startswith("WARNING") else "")
    if agreement:
        out = f", {agreement.left_out:,} more are outside of what is accepted" if agreement.left_out else ""
        apart = "" if agreement.probability is None else f", probabilities by {below(agreement.probability)}"
        ties = f" but for {agreement.ties} at a tie" if agreement.ties else ""
        say(f"beside {given.check}, {agreement.rows:,} rows{out}: no label differs{ties}{apart}", "green")
    if known:
        say(f"{known.name}; {POSITIVE} above probability {known.threshold:g}")
    else:
        say("no manifest: horizon, threshold and training range are unknown", "yellow")
    say(artifacts.card.note)
    put(
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
        given.json,
    )
