"""The version of the service, its API and its image."""

VERSION = "0.1.0"
