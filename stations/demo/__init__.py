"""A real week of three stations, sent fast. Not part of the image."""
