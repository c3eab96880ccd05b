"""The HTTP layer: errors, keys, bodies, draining, logs, metrics."""
