"""``make image``: the Bento of the latest models, and its container image with whichever engine is there."""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import bentoml

from deploy.image.engines import PROJECT, NoEngine, usable_engine
from loadtest.tables import publish
from weather.contract.version import VERSION

QUIET_TWICE = "ignore:The parameter --quiet is used more than once:UserWarning"


def build(engine: str, image: str, grpc: bool = False) -> bentoml.Bento:
    """The Bento of the latest models in the store, and the image of it, with gRPC or without.

    Raises:
        subprocess.CalledProcessError: the engine refused; its reason has been printed.
    """
    bento = bentoml.bentos.build_bentofile(build_ctx=str(PROJECT))
    with tempfile.TemporaryDirectory() as secrets:
        options = [
            *(f"label={name}={value}" for name, value in labels(bento).items()),
            *(["build-arg=LOCK=grpc.lock"] if grpc else []),
            *(f"secret=id={file.name},src={file}" for file in pip_secrets(Path(secrets))),
        ]
        command = [sys.executable, "-m", "bentoml", "containerize", str(bento.tag)]
        command += ["--backend", engine, "--image-tag", image]
        subprocess.run(
            [*command, *(word for option in options for word in ("--opt", option))],
            # BentoML 1.4.39 writes the template to a temporary folder and then refuses to read it
            # from anywhere but below the working directory (bentoml/BentoML#5566).
            cwd="/",
            # The OCI format has no HEALTHCHECK. Docker knows its own format only.
            # BentoML's command declares --quiet twice, of which its own parser warns.
            env={**os.environ, "BUILDAH_FORMAT": "docker", "PYTHONWARNINGS": QUIET_TWICE},
            check=True,
        )
    return bento


def labels(bento: bentoml.Bento) -> dict[str, str]:
    """What is in the image, beside what deploy/image/Dockerfile.j2 says of every image."""
    return {
        "org.opencontainers.image.version": VERSION,
        "org.opencontainers.image.revision": revision(),
        "rain-forecast.bento": str(bento.tag),
        **{f"rain-forecast.{model.tag.name}": str(model.tag) for model in bento.info.all_models},
    }


def revision() -> str:
    """The commit, "-dirty" when files differ from it; "unknown" outside of a git repository."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        text = subprocess.check_output(command, cwd=PROJECT, text=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return text.strip()


def pip_secrets(folder: Path) -> list[Path]:
    """Files that lead pip in the build to the package index that pip leads to here.

    They are mounted for one step of the build and leave no trace in the image, whereas build
    arguments, and the passwords in them, stay in its history. Indexes that are folders of this
    machine are left out: the build doesn't see them.
    """
    settings = pip_settings()
    bundle = (
        settings.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE") or ssl.get_default_verify_paths().cafile
    )
    files = [folder / "pip.conf"]
    if bundle:
        files.append(folder / "ca.pem")
        shutil.copyfile(bundle, files[1])
        settings["cert"] = "/run/secrets/ca.pem"
    files[0].write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return files


def pip_settings() -> dict[str, str]:
    """Of pip's configuration here, whatever its source, what says where packages come from."""
    listing = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    settings = {}
    # Lines like global.index-url='https://…'; pip's environment variables (:env:) win over its files.
    for _, name, value in sorted(
        re.findall(r"^(global|install|:env:)\.([a-z-]+)=(.*)$", listing, re.MULTILINE),
        key=lambda line: ("global", "install", ":env:").index(line[0]),
    ):
        words = str(ast.literal_eval(value)).split()
        if name in ("index-url", "extra-index-url"):
            words = [word for word in words if word.startswith(("http://", "https://"))]
        elif name not in ("trusted-host", "proxy", "cert"):
            continue
        if words:
            settings[name] = " ".join(words)
    return settings


def sizes(engine: str, image: str) -> str:
    """What the image's size consists of, as a table; measured inside the image by sizes.py."""
    with (Path(__file__).parent / "sizes.py").open() as script:
        command = [engine, "run", "--rm", "--interactive", "--network=none", "--no-healthcheck"]
        return subprocess.check_output([*command, "--entrypoint=python", image, "-"], stdin=script, text=True)


def main() -> int:
    """Build, print the sizes; EX_UNAVAILABLE when there is no engine, or no base image."""
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument("image", nargs="?", default=f"rain-forecast:{VERSION}", help="name:tag of the image")
    parser.add_argument("--grpc", action="store_true", help="with gRPC, 19 MB larger")
    parser.add_argument("--publish", action="store_true", help="write the sizes to docs/deployment.md")
    arguments = parser.parse_args()
    image: str = arguments.image
    try:
        engine = usable_engine()
        bento = build(engine, image, arguments.grpc)
    except NoEngine as reason:
        print(reason, file=sys.stderr)
        return os.EX_UNAVAILABLE
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    if engine == "buildah":
        print("buildah can't run containers; podman shows what the size consists of")
    else:
        table = sizes(engine, image)
        print(table, end="")
        if arguments.publish:
            publish(PROJECT / "docs" / "deployment.md", "make image", table)
    print(f"{image} holds {bento.tag}; docs/deployment.md says how to run it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
