"""A PostgreSQL server of the tests' own, on a socket in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"
"""Whom the server runs as when the tests run as root, which it refuses; Debian's package makes it."""

PATIENT = ("-t", "240")
"""Seconds to wait for a start or a stop; without it 60."""


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl, of the newest version; Debian keeps them out of PATH."""
    on_path = shutil.which("pg_ctl")
    if on_path:
        return Path(on_path).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: int(p.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def server() -> Iterator[str]:
    """SQLAlchemy's URL of an empty database.

    Its folder is not one of pytest's, which are for their owner only; and a socket's path may have 107 bytes.
    """
    home = binaries()
    assert home is not None
    as_user: list[str] = []
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        if os.getuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(folder, user.pw_uid, user.pw_gid)
            as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        data = f"{folder}/data"

        def run(*command: str | Path) -> None:
            subprocess.run(
                [*as_user, *map(str, command)], cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=300
            )

        run(home / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync")
        options = f"-k {folder} -c listen_addresses=''"
        run(home / "pg_ctl", "-D", data, "-w", *PATIENT, "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://{USER}@/postgres?host={folder}"
        finally:
            run(home / "pg_ctl", "-D", data, "-w", *PATIENT, "-m", "immediate", "stop")
