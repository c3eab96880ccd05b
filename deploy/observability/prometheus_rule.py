"""``python -m deploy.observability.prometheus_rule``: rules.yml as a PrometheusRule."""

from __future__ import annotations

import sys
from pathlib import Path

RULES = Path(__file__).with_name("rules.yml")
MANIFEST = RULES.parents[1] / "kubernetes" / "components" / "monitoring" / "prometheus-rule.yaml"

HEAD = """\
# Made from deploy/observability/rules.yml by python -m deploy.observability.prometheus_rule.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: rain-forecast
  labels:
    app.kubernetes.io/name: rain-forecast
spec:
"""


def manifest() -> str:
    """The rules, comments included, indented below ``spec``."""
    lines = RULES.read_text().splitlines()
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in lines)


def main() -> int:
    """Write the manifest."""
    MANIFEST.write_text(manifest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
