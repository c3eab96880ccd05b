"""Overload and faults on the real service, under load: ``make chaos``."""
