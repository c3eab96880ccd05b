"""The rain-forecast service's parts, one subject a module; the data flows one way.

Training side:  observations, verification, training, export (files), model_card, pipeline (all of
                these), evaluation, drift
Import side:    artifacts, card_files (files), compiler (one ONNX graph), store (BentoML
                model store); terminal (what commands say)
Serving side:   variables (the contract), loading, classifier, batching (one record), bulk (many),
                problems (errors), openapi, bentoml_internals, settings; pages, served_model,
                assets; on a request's way in: frontdoor, request_id, deadline, draining, access,
                limits, admission; metrics, json_logs, forecast_log, workers

The serving side never imports the training side; ``tests/test_layout.py`` guards that.
"""

import os

# ONNX Runtime reports its use to its maker from 1.29 on, unless told not to before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
