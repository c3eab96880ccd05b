"""Starts a project for another problem from this one: its fields, class words, names and model."""
