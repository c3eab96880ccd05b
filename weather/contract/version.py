"""The version of the service and its request contract; ``pyproject.toml`` reads it from here."""

VERSION = "1.0.0"
