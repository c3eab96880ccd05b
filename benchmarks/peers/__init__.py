"""What else one could have written, each in its best configuration."""
