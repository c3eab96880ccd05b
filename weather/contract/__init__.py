"""The request contract: fields, units, ranges, the manifest, names in the model store."""
