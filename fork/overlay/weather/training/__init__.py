"""Training, from a CSV file to the files of a model and its card."""
