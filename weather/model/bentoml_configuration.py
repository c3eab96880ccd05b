"""Whether BentoML accepts what configures it.

It reads its environment variables at an import, and a mistake in them is an exception of any kind.
"""

from __future__ import annotations

import os

CONFIGURATION = ("BENTOML_CONFIG", "BENTOML_CONFIG_OPTIONS")


class BadConfiguration(ValueError):
    """BentoML can't do with its variables as they are; the message names them, and the reason."""


def check() -> None:
    """Have BentoML read its configuration, and make its folder if it is not there.

    Raises:
        BadConfiguration: a variable has a value that can't be used. An exception for which no variable can be
            blamed is BentoML's own.
    """
    try:
        from bentoml._internal.configuration.containers import BentoMLContainer
    except ImportError:
        raise
    except Exception as error:
        given = [f"{name}={os.environ[name]}" for name in CONFIGURATION if os.environ.get(name)]
        if not given:
            raise
        reason = " ".join(str(error).split())
        raise BadConfiguration(f"BentoML does not accept {' and '.join(given)}: {reason}") from None
    try:
        BentoMLContainer.model_store_dir.get()
    except OSError as error:
        home = os.environ.get("BENTOML_HOME", "~/bentoml")
        raise BadConfiguration(
            f"BENTOML_HOME, {home}, can't be used: {error.strerror}: {error.filename}"
        ) from None
