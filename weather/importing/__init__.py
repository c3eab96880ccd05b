"""Import of a scaler and a classifier: reading, checking, compiling, storing."""
