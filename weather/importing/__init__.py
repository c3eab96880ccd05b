"""Imports a scaler and a classifier: reads, checks, compiles and stores them."""
