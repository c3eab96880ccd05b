"""``make image-stations``: the container image of the second service, with whichever engine is there."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.image.build import pip_secrets, revision
from deploy.image.engines import PROJECT, NoEngine, usable_engine
from weather.contract.version import VERSION


def build(engine: str, image: str) -> None:
    """Build it.

    Raises:
        subprocess.CalledProcessError: the engine refused; its reason has been printed.
    """
    labels = {
        "org.opencontainers.image.version": VERSION,
        "org.opencontainers.image.revision": revision(),
    }
    with tempfile.TemporaryDirectory() as secrets:
        files = pip_secrets(Path(secrets))
        subprocess.run(
            [
                engine,
                "build",
                "--file=deploy/stations/Dockerfile",
                f"--tag={image}",
                *(f"--label={name}={value}" for name, value in labels.items()),
                *(f"--secret=id={file.name},src={file}" for file in files),
                ".",
            ],
            cwd=PROJECT,
            # The OCI format has no HEALTHCHECK. Docker knows its own format only.
            env={**os.environ, "BUILDAH_FORMAT": "docker"},
            check=True,
        )


def main() -> int:
    """Build; EX_UNAVAILABLE when there is no engine, or no base image."""
    parser = argparse.ArgumentParser(prog="make image-stations", description=__doc__)
    parser.add_argument(
        "image", nargs="?", default=f"rain-forecast-stations:{VERSION}", help="name:tag of the image"
    )
    image: str = parser.parse_args().image
    try:
        build(usable_engine(), image)
    except NoEngine as reason:
        print(reason, file=sys.stderr)
        return os.EX_UNAVAILABLE
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
