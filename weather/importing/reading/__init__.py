"""Reads what people bring: scaler, classifier, manifest and card, and what they say of them."""
