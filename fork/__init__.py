"""Creates a project for another problem from this one, with its own fields, class labels, names and model."""
