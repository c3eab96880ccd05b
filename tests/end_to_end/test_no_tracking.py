"""Neither BentoML nor ONNX Runtime reports usage."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import yaml

from loadtest.serving import PROJECT


def test_onnx_runtime_creates_no_device_id_when_our_package_is_imported(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [
            *(sys.executable, "-c"),
            "import weather.model.classifier, onnxruntime as o; o.InferenceSession('artifacts/svc.onnx')",
        ],
        cwd=PROJECT,
        env={**environment, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        check=True,
    )
    assert list(tmp_path.rglob("*onnxruntime*")) == []


def test_bentomls_tracking_is_off_wherever_we_start_it() -> None:
    assert "export BENTOML_DO_NOT_TRACK := True" in (PROJECT / "Makefile").read_text()
    assert "BENTOML_DO_NOT_TRACK=True" in (PROJECT / ".ci" / "run").read_text()
    bentofile = yaml.safe_load((PROJECT / "bentofile.yaml").read_text())
    assert {"name": "BENTOML_DO_NOT_TRACK", "value": "True"} in bentofile["envs"]
    for starter in ("loadtest/serving.py", "benchmarks/servers.py"):
        assert re.search(r'"BENTOML_DO_NOT_TRACK": "True"', (PROJECT / starter).read_text()), starter


def test_bentoml_serve_without_our_makefile_sends_no_usage_data(bentoml_home: Path) -> None:
    """BentoML writes into its log what it would send when ``__BENTOML_DEBUG_USAGE`` is set."""
    environment = {k: v for k, v in os.environ.items() if k != "BENTOML_DO_NOT_TRACK"}
    environment |= {"BENTOML_HOME": str(bentoml_home), "__BENTOML_DEBUG_USAGE": "True"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "bentoml", "serve", ".", "--host", "127.0.0.1", "--port", port]
        refused = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        assert "another program" in refused.stderr
        assert "Tracking Payload" not in refused.stdout + refused.stderr
        allowed = subprocess.run(
            command,
            cwd=PROJECT,
            env={**environment, "BENTOML_DO_NOT_TRACK": "False"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Tracking Payload" in allowed.stdout + allowed.stderr, "this test sees nothing any more"
