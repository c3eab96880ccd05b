"""Whether BentoML accepts what configures it.

It reads its environment variables when it is imported, and a mistake in them is an exception of whatever kind.
"""

from __future__ import annotations

import os

VARIABLES = ("BENTOML_CONFIG", "BENTOML_CONFIG_OPTIONS", "BENTOML_HOME")


class BadConfiguration(ValueError):
    """BentoML can't be imported with its variables as they are; the message names them, and the reason."""


def check() -> None:
    """Import BentoML.

    Raises:
        BadConfiguration: see there. Without any of the variables the exception is BentoML's own.
    """
    try:
        import bentoml  # noqa: F401
    except ImportError:
        raise
    except Exception as error:
        given = [f"{name}={os.environ[name]}" for name in VARIABLES if os.environ.get(name)]
        if not given:
            raise
        reason = " ".join(str(error).split())
        raise BadConfiguration(f"BentoML does not accept {' and '.join(given)}: {reason}") from None
