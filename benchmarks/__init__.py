"""Side-by-side measurements of the service and its peers; see docs/performance.md."""
