"""Metrics, logs, request ids."""
