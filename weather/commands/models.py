"""The ``models`` command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from weather.commands.output import print_message, print_result
from weather.commands.parsers import Commands, add_command

if TYPE_CHECKING:  # see commands.pairs
    import bentoml

    from weather.importing.latest import Pair

HISTORY_LINES = 10


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    add_command(commands, "models", models)


def models(arguments: argparse.Namespace) -> None:
    """List the pairs in the model store, the latest marked, and the history."""
    from weather.importing import latest as store

    store.settle()
    latest, changes = store.latest_pair(), store.history()
    rows = [facts(tag, model, latest) for tag, model in store.classifiers().items()]
    for row in rows:
        if row["problem"]:
            print_message(f"{row['classifier']}: {row['problem']}", "yellow")
    before = store.previous(changes)
    text = [
        f"{'*' if row['latest'] else ' '} {row['classifier']}  {row['imported']}  {row['name'] or '-'}"
        for row in rows
        if not row["problem"]
    ]
    if changes:
        text += ["", "history, the newest first:"]
        for change in reversed(changes[-HISTORY_LINES:]):
            forced = f", forced: {change.forced}" if change.forced else ""
            text.append(f"  {change.time}  {change.action:<8}  {change.after.classifier}{forced}")
    if before:
        text.append(f"`rollback` goes to {before.classifier}")
    print_result(
        {
            "models": rows,
            "history": [
                {
                    "time": change.time,
                    "action": change.action,
                    "before": change.before.classifier if change.before else None,
                    "after": change.after.classifier,
                    "forced": change.forced,
                }
                for change in changes
            ],
            "rollback_goes_to": before.classifier if before else None,
        },
        "\n".join(text) or "no models: run `make import`",
        arguments.json,
    )


def facts(tag: str, model: bentoml.Model | None, latest: Pair | None) -> dict[str, Any]:
    """One classifier of the list, as JSON; ``problem`` says why it can't be served, or is None."""
    from weather.importing.latest import pair_of
    from weather.model.manifest import manifest_of

    pair = pair_of(model) if model else None
    manifest = manifest_of(model) if model else {}
    problem = None
    if model is None:
        problem = "its model.yaml can't be read: import the pair again"
    elif pair is None:
        problem = "the store lacks its scaler: import the pair again"
    return {
        "classifier": tag,
        "scaler": pair.scaler if pair else None,
        "latest": pair is not None and pair == latest,
        "imported": model.info.creation_time.isoformat(timespec="seconds") if model else None,
        "name": manifest.get("name"),
        "horizon_hours": manifest.get("horizon_hours"),
        "threshold": manifest.get("threshold"),
        "problem": problem,
    }
