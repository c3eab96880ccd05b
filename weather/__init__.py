"""The rain-forecast service.

Each folder's docstring says what it holds. Data flows one way; which folder may import which is
stated once, in ``pyproject.toml``, and checked by import-linter.
"""

import os

# ONNX Runtime 1.29 and later reports usage to its vendor unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
