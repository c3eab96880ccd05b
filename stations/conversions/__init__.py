"""Converts what stations send to reports in the contract's units; one module per format."""
