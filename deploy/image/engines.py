"""Which container engine builds the image, and whether it has the base image."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
ENGINES = ("docker", "podman", "buildah")


class NoEngine(Exception):
    """No image can be built here; the message says why and what to do."""


def usable_engine() -> str:
    """The engine to build with; it has the base image.

    Raises:
        NoEngine: none works, or the base image can't be pulled.
    """
    engine = find_engine()
    if engine is None:
        tried = os.environ.get("ENGINE") or ", ".join(ENGINES)
        raise NoEngine(
            f"No container engine works here (tried: {tried}).\n"
            "Install podman, or docker and start its daemon, and try again."
        )
    base = base_image()
    if not has(engine, base):
        print(f"pulling the base image {base} …", file=sys.stderr, flush=True)
        done = subprocess.run([engine, "pull", base], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise NoEngine(
                f"{engine} can't pull the base image {base}: {reason}\n"
                f"Load it into {engine}, or name another one that you can pull in bentofile.yaml. As root on "
                "Debian `deploy/image/engine.sh make image` builds on a stand-in of Debian's packages."
            )
    return engine


def find_engine() -> str | None:
    """ENGINE if it is set, else the first engine that works; docker is often there without its daemon."""
    for engine in [os.environ["ENGINE"]] if os.environ.get("ENGINE") else ENGINES:
        if shutil.which(engine) and not subprocess.run([engine, "info"], capture_output=True).returncode:
            return engine
    return None


def base_image() -> str:
    """What bentofile.yaml names."""
    return str(yaml.safe_load((PROJECT / "bentofile.yaml").read_text())["docker"]["base_image"])


def has(engine: str, image: str) -> bool:
    """Whether the engine has an image."""
    command = ["inspect", "--type=image"] if engine == "buildah" else ["image", "inspect"]
    return subprocess.run([engine, *command, image], capture_output=True, check=False).returncode == 0
