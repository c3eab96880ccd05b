"""The compiled classifier: loading it from the model store and running it."""
