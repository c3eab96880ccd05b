"""Training: from a CSV file to the artifacts and the model card."""
