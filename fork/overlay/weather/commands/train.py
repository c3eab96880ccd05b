"""The ``train`` command."""

from __future__ import annotations

import argparse
from pathlib import Path

from weather.commands.importing import ARTIFACTS
from weather.commands.output import spinner, print_result, print_message
from weather.commands.parsers import Commands, add_command
from weather.contract.names import CARD_FILE


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "train", train)
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FILE.csv", help="a column for each field and the class")
    source.add_argument(
        "--placeholder", action="store_true", help="train on random rows: the model's answers mean nothing"
    )
    command.add_argument("--out", type=Path, default=ARTIFACTS, metavar="DIR", help="default: artifacts")


def train(arguments: argparse.Namespace) -> None:
    """Train on a CSV file and write the artifacts."""
    from weather.training import pipeline, samples

    data = samples.placeholder() if arguments.placeholder else samples.read(arguments.data)
    print_message(f"{data.name}: {len(data.x):,} rows, {data.y.mean():.1%} positive")
    for reason, rows in data.left_out.items():
        print_message(f"left out: {rows:,} rows, {reason}", "yellow")
    with spinner("fitting and verifying"):
        manifest = pipeline.train(data, arguments.out)
    figures = manifest.metrics["cross_validation"]
    print_message(f"cross-validated: Brier skill {figures['brier_skill']:.3f}, ROC AUC {figures['roc_auc']:.3f}")
    if data.placeholder:
        print_message(
            "WARNING: this model is a placeholder, and its answers mean nothing: train it with --data",
            "yellow",
        )
    card = str(arguments.out / CARD_FILE)
    print_result({"card": card, "manifest": manifest.model_dump()}, card, arguments.json)
