"""Scaler and classifier as one graph, in a process of bounded time and memory."""
