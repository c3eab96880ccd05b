"""Build the site, and serve it on the loopback address: ``python -m docs.site [--serve]``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from filelock import FileLock, Timeout
from sphinx.cmd.build import main as sphinx_build

from docs.site import http_api, metrics, python_api, sources
from docs.site.links import PROJECT, BadLink

HOST = "127.0.0.1"


def build(out: Path) -> int:
    """Build the site in ``out/html``; ``out/source`` has the files that it is built from.

    A second build with the same ``out`` waits for the end of the first. The exit code is 0 if there was no
    warning; a link without a target is one.

    Raises:
        BadLink: a document links to what is not in the repository.
    """
    source, html, doctrees = (out / name for name in ("source", "html", "doctrees"))
    with locked(out):
        for folder in (source, html, doctrees):
            shutil.rmtree(folder, ignore_errors=True)
        sources.write(source, {**http_api.pages(), **metrics.pages(), **python_api.pages()})
        code = sphinx(source, html, doctrees)
        sources.write_file(html, "openapi.json", json.dumps(http_api.document(), indent=2))
    return code


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made if it is missing; a message on stderr announces a wait."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"Another build is running in {folder}: waiting for its end.", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def sphinx(source: Path, html: Path, doctrees: Path) -> int:
    """Run Sphinx with the site's configuration; the exit code is 0 if there was no warning."""
    options = ["--fail-on-warning", "--quiet", "--conf-dir", str(Path(__file__).parent)]
    return sphinx_build([*options, "--doctree-dir", str(doctrees), str(source), str(html)])


def serve(folder: Path, port: int) -> None:
    """Serve the built site on the loopback address until Ctrl-C."""
    try:
        server = ThreadingHTTPServer((HOST, port), partial(SimpleHTTPRequestHandler, directory=folder))
    except OSError as error:
        sys.exit(f"The site can't be served on port {port}: {error.strerror}. Name another with --port.")
    print(f"The site is served on http://{HOST}:{server.server_port}, until Ctrl-C.", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def main() -> None:
    """Build the site, print its folder, and serve it with ``--serve``."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description="Build the documentation site.")
    parser.add_argument(
        "--out",
        type=Path,
        default=PROJECT / "reports" / "site",
        help="folder to build in (default: reports/site)",
    )
    parser.add_argument(
        "--serve", action="store_true", help="serve the site on the loopback address once it is built"
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="port of --serve, 0 for a free one (default: 8000)"
    )
    arguments = parser.parse_args()
    try:
        if code := build(arguments.out):
            sys.exit(code)
    except BadLink as reason:
        sys.exit(f"The site can't be built: {reason}.")
    print(f"The site is in {arguments.out / 'html'}.")
    if arguments.serve:
        serve(arguments.out / "html", arguments.port)


if __name__ == "__main__":
    main()
