"""Forecasts for files of any number of rows, part by part, on one machine or on a Dask cluster."""
