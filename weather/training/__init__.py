"""Training: observations, fitting, verification, export and the model card."""
