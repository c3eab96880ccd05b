"""The Open Inference Protocol, version 2: REST, its binary extension, and gRPC."""
