"""Names in the BentoML model store, and of the files in it."""

SCALER = "weather-scaler"
CLASSIFIER = "weather-classifier"

SCALER_JSON = "scaler.json"
COMPILED_FILE = "compiled.onnx"
CARD_FOLDER = "card"
CARD_FILE = "MODEL_CARD.md"
