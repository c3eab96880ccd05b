"""A load test of the second service: ten thousand home stations."""
