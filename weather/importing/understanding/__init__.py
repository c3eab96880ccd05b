"""Interprets a graph: its inputs, the class that is rain, its probability output, its scaling."""
