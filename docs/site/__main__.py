"""Builds the site, and serves it on this machine: ``python -m docs.site [--serve]``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sphinx.cmd.build import main as sphinx_build

from docs.site import http_api, metrics, python_api, sources

OUT = sources.PROJECT / "reports" / "site"
HOST = "127.0.0.1"


def build(out: Path) -> int:
    """Build the site in ``out``/html; the exit code is 0 if there was no warning, of links neither."""
    shutil.rmtree(out, ignore_errors=True)
    source = out / "source"
    sources.write(source, {**http_api.pages(), **metrics.pages(), **python_api.pages()})
    configuration = str(Path(__file__).parent)
    options = [
        "--fail-on-warning",
        "--quiet",
        "--conf-dir",
        configuration,
        "--doctree-dir",
        str(out / "doctrees"),
    ]
    code = sphinx_build([*options, str(source), str(out / "html")])
    sources.place(out / "html", "openapi.json", json.dumps(http_api.document(), indent=2))
    return code


def serve(folder: Path, port: int) -> None:
    """Serve the built site on the loopback address until Ctrl-C."""
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        sys.exit(f"The site can't be served on port {port}: {error.strerror}. Give another: --port 8001")
    print(f"The site is at http://{HOST}:{server.server_port}. Ctrl-C ends it.", flush=True)
    with server:
        server.serve_forever()


def main() -> None:
    """Build, say where the site is, and serve it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to build in (default: reports/site)")
    parser.add_argument("--serve", action="store_true", help="serve the site when it is built")
    parser.add_argument("--port", type=int, default=8000, help="port on the loopback address (default: 8000)")
    arguments = parser.parse_args()
    try:
        code = build(arguments.out)
    except sources.BadLink as reason:
        sys.exit(f"The site can't be built: {reason}")
    if code:
        sys.exit(code)
    print(f"The site is in {arguments.out / 'html'}")
    if arguments.serve:
        serve(arguments.out / "html", arguments.port)


if __name__ == "__main__":
    main()
