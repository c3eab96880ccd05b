"""The rain-forecast service's parts, one subject a module; the data flows one way.

Training side:  observations -> verification -> training -> model_card
Between:        artifacts (files) -> compiler (one ONNX graph) -> store (BentoML model store)
Serving side:   variables (the contract), classifier, batching, problems, limits, openapi, pages

The serving side never imports the training side; ``tests/test_layout.py`` guards that.
"""
