"""Other implementations of the same service, each in its best configuration."""
