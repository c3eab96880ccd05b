"""Create a project for another problem from this one: ``make fork NAME=… FIELDS=fields.toml``.

The fork is a folder of its own, with the fields, ranges and class labels of fields.toml, and a model that is
trained on DATA, or a placeholder. docs/fork.md describes fields.toml.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from fork import creating
from fork.declaration import BadFields, read
from fork.files import PROJECT
from fork.names import BadName, Names


def main() -> int:
    """Create the fork and return the exit code: 1, with a sentence on stderr, if that is impossible."""
    parser = argparse.ArgumentParser(prog="make fork", description=__doc__)
    parser.add_argument("name", help="name of the project, its package and its service, e.g. wine_quality")
    parser.add_argument("fields", type=Path, help="fields.toml")
    parser.add_argument("--data", type=Path, help="CSV file to train the model on (default: a placeholder)")
    parser.add_argument("--to", type=Path, help="new or empty folder for the project (default: ../NAME)")
    arguments = parser.parse_args()
    folder: Path = (arguments.to or PROJECT.parent / arguments.name).resolve()
    try:
        names, declaration = Names(arguments.name), read(arguments.fields)
        if arguments.data and not arguments.data.is_file():
            raise BadFields(f"{arguments.data} is not a file")
        creating.create(folder, names, declaration, arguments.data)
    except (BadName, BadFields, creating.BadTarget) as reason:
        print(reason, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(
            f"{folder} was not created: {' '.join(map(str, error.cmd[1:4]))} … failed, see above",
            file=sys.stderr,
        )
        return 1
    print(f"{folder}\nnext: cd {folder}, make serve, make test; README.md says what is there", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
