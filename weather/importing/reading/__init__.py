"""Reads the files of a pair (scaler, classifier, manifest, card) and the user's hints about them."""
