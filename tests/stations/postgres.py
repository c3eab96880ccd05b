"""A PostgreSQL server of the tests' own, on a socket in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"
"""Whom the server runs as when the tests run as root, which it refuses; Debian's package makes it."""


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl, of the newest version; Debian keeps them out of PATH."""
    on_path = shutil.which("pg_ctl")
    if on_path:
        return Path(on_path).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: int(p.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """SQLAlchemy's URL of an empty database.

    The data are in ``folder``; the socket is in a folder with a short name, as its path may have 107 bytes.
    """
    home = binaries()
    assert home is not None
    as_user: list[str] = []
    with tempfile.TemporaryDirectory(prefix="pg") as socket:
        if os.getuid() == 0:
            user = pwd.getpwnam(USER)
            for owned in (folder, Path(socket)):
                os.chown(owned, user.pw_uid, user.pw_gid)
            as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        data = f"{folder}/data"

        def run(*command: str | Path, more: Sequence[str] = ()) -> None:
            subprocess.run(
                [*as_user, *map(str, command), *more],
                cwd=socket,
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=120,
            )

        # The parents of pytest's folders are for their owner only.
        for parent in folder.parents:
            if parent == Path(tempfile.gettempdir()):
                break
            parent.chmod(parent.stat().st_mode | 0o111)
        run(home / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync")
        options = f"-k {socket} -c listen_addresses=''"
        run(home / "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://{USER}@/postgres?host={socket}"
        finally:
            run(home / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
