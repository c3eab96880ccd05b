"""The names under which scaler and classifier live in the BentoML model store."""

SCALER = "weather-scaler"
CLASSIFIER = "weather-classifier"

SCALER_JSON = "scaler.json"
COMPILED_FILE = "compiled.onnx"
CARD_FOLDER = "card"
CARD_FILE = "MODEL_CARD.md"
