"""Load tests of the running service."""
