"""Request parsing, adaptive batching and the BentoML application."""
