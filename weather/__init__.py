"""The rain-forecast service's parts, one subject a module; the data flows one way.

Training side:  observations, verification, training, export (files), model_card
Import side:    artifacts (files), compiler (one ONNX graph), store (BentoML model store)
Serving side:   variables (the contract), loading, classifier, batching (one record), bulk (many),
                problems (errors), limits, deadline, openapi, pages, bentoml_internals, settings

The serving side never imports the training side; ``tests/test_layout.py`` guards that.
"""
