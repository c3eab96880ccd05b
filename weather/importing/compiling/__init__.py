"""Compiles a scaler and a classifier into one graph, in a process with limits on time and memory."""
