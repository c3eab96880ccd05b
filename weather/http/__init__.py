"""The HTTP layer: errors, OpenAPI document, limits, API keys, draining, settings."""
