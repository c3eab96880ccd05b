"""The model card: what a trained model is, how good it is, and what not to use it for."""
