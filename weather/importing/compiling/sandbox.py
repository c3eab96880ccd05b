"""Compiles in a subprocess with limits on time and memory.

An ONNX graph is a program: it can loop forever or allocate a terabyte, and native code runs it. The
subprocess runs this module.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import subprocess
import sys
from typing import Any

from weather.contract.manifest import Manifest
from weather.importing.compiling.compiler import Compiled, compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.hints import Hints
from weather.importing.reading.scaler import Scaler

MAX_SECONDS = 600.0
MAX_MEMORY = 8 << 30
"""Address space; ONNX Runtime and NumPy take 1 GiB of it before any model."""


def compile_in_subprocess(
    artifacts: Artifacts, seconds: float = MAX_SECONDS, memory: int = MAX_MEMORY
) -> Compiled:
    """Run ``compile_pair`` in a subprocess.

    Raises:
        BadArtifact: as in ``compile_pair``, or the process crashed or took more than ``seconds`` or
            ``memory`` bytes.
    """
    request = json.dumps(
        {
            "scaler": artifacts.scaler and artifacts.scaler.to_json(),
            "remarks": artifacts.scaler.remarks if artifacts.scaler else (),
            "model": base64.b64encode(artifacts.model).decode(),
            "manifest": artifacts.manifest and artifacts.manifest.model_dump_json(),
            "hints": vars(artifacts.hints),
            "memory": memory,
        }
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", __name__],
            input=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadArtifact(f"the model can't be checked in {seconds:g} s: make it smaller") from None
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise BadArtifact(f"ONNX Runtime crashed on the model ({name}): it is damaged or malicious")
    return _compiled(json.loads(done.stdout))


def _compiled(answer: dict[str, Any]) -> Compiled:
    if "error" in answer:
        raise BadArtifact(answer["error"])
    scaler = answer["scaler"]
    return Compiled(
        base64.b64decode(answer["model"]),
        None if scaler is None else Scaler.from_json(scaler),
        answer["calibrated"],
        tuple(answer["notes"]),
        tuple(answer["lines"]),
        answer["facts"],
    )


def _handle(request: dict[str, Any]) -> dict[str, Any]:
    scaler, manifest = request["scaler"], request["manifest"]
    try:
        compiled = compile_pair(
            Artifacts(
                None if scaler is None else Scaler.from_json(scaler, tuple(request["remarks"])),
                base64.b64decode(request["model"]),
                None if manifest is None else Manifest.model_validate_json(manifest),
                hints=Hints(**request["hints"]),
            )
        )
    except BadArtifact as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "the model needs more memory than import gives it"}
    except Exception as error:  # onnx raises exceptions without a common base on damaged graphs
        return {"error": f"the model can't be compiled ({type(error).__name__}: {str(error)[:200]})"}
    return {
        "model": base64.b64encode(compiled.model).decode(),
        "scaler": compiled.scaler and compiled.scaler.to_json(),
        "calibrated": compiled.calibrated,
        "notes": compiled.notes,
        "lines": compiled.lines,
        "facts": compiled.facts,
    }


def main() -> None:
    """Handle one request: JSON from stdin, the response to stdout. Other output goes to stderr."""
    request = json.load(sys.stdin)
    stdout = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # ONNX Runtime sometimes prints to stdout
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(stdout, "w") as answers:
        json.dump(_handle(request), answers)


if __name__ == "__main__":
    main()
